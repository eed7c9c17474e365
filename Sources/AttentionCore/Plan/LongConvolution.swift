// SPDX-License-Identifier: MIT

import RealModule

/// Mixing along the sequence by convolutions as long as it, through Fourier transforms.
///
/// Transforms are of the least length `2^a 3^b 5^c` that holds the sequence and its kernel, so that
/// results do not wrap around, or of two such lengths that hold the sequence; any sequence length
/// serves.
public enum LongConvolution: Hashable, Sendable {
  /// `o = q (h * (k v) + D k v)`, channel by channel: the causal filter `h` comes from a network over
  /// positions and is transformed ahead of time.
  case gated(ImplicitFilter)
  /// Linear attention whose weights `phi(q_i) . phi(k_j)` are multiplied by `exp(b_(j-i))`: one
  /// convolution for every feature and value channel.
  case relativeFeatures(featureDim: Int)

  /// Length of transforms that hold the sequence and its kernel.
  public static func transformLength(shape: AttentionShape) -> Int {
    smooth(2 * shape.queryLength - 1)
  }

  /// Length of transforms that hold the sequence: one of the even frequencies and one of the odd ones
  /// stand for a transform of twice the length.
  public static func foldedLength(shape: AttentionShape) -> Int {
    smooth(shape.queryLength)
  }

  private static func smooth(_ least: Int) -> Int {
    var length = least
    while !isSmooth(length) { length += 1 }
    return length
  }

  private static func isSmooth(_ length: Int) -> Bool {
    var rest = length
    for prime in [2, 3, 5] {
      while rest.isMultiple(of: prime) { rest /= prime }
    }
    return rest == 1
  }

  /// Real columns that are transformed forth and back, over all heads.
  public func columns(shape: AttentionShape) -> Int {
    let heads = shape.batch * shape.queryHeads
    switch self {
    case .gated: return heads * shape.valueDim
    case .relativeFeatures(let features): return heads * features * (shape.valueDim + 1)
    }
  }

  func work(shape: AttentionShape) -> [StageWork] {
    let columns = columns(shape: shape)
    let length: Int
    let parts: Int
    switch self {
    case .gated: (length, parts) = (Self.transformLength(shape: shape), 1)
    // Complex columns need no more frequencies than tokens at a time.
    case .relativeFeatures: (length, parts) = (Self.foldedLength(shape: shape), 2)
    }
    // Half of 5 N log2 N for a real column, forth and back.
    let flops =
      5 * Double(parts * length) * Double.log2(Double(length)) * Double(columns)
    let bytes = TensorBytes(shape)
    let spectra = 3 * parts * length * columns
    let convolve = OperationCounts([.fourier: Int(flops.rounded()), .elementwise: spectra])
    switch self {
    case .gated:
      let elements = columns * shape.queryLength
      return [
        StageWork(
          name: "gate, convolve, gate",
          operations: convolve + OperationCounts([.elementwise: 4 * elements]),
          bytesRead: bytes.inputs + 4 * shape.queryHeads * shape.valueDim * (length + 2),
          bytesWritten: bytes.output, parallelUnits: columns)
      ]
    case .relativeFeatures(let features):
      let heads = shape.batch * shape.queryHeads
      let rows = 2 * heads * shape.queryLength
      return [
        StageWork(
          name: "features",
          operations: OperationCounts([
            .float32: 2 * rows * features * shape.headDim, .exponential: rows * features,
            .elementwise: 3 * rows * shape.headDim,
          ]),
          bytesRead: bytes.query + bytes.key, bytesWritten: 0,
          parallelUnits: heads * ((shape.queryLength + 63) / 64)),
        StageWork(
          name: "weigh, convolve, sum",
          operations: convolve
            + OperationCounts([.elementwise: 3 * columns * shape.queryLength]),
          bytesRead: bytes.value, bytesWritten: bytes.output, parallelUnits: columns),
      ]
    }
  }

  /// What an engine must count at `shape`.
  public func expectedCounts(shape: AttentionShape) -> EngineCounts {
    var counts = EngineCounts()
    for part in work(shape: shape) {
      counts.exponentials += part.operations[.exponential]
      counts.bytesRead += part.bytesRead
      counts.bytesWritten += part.bytesWritten
    }
    return counts
  }
}

/// The network that gives a long filter its values: sines between three layers, and a window.
///
/// Source: Poli et al., *Hyena Hierarchy* (2023), arXiv:2302.10866, section 3.3.
public struct ImplicitFilter: Hashable, Sendable {
  /// Features of a position: time, and real and imaginary parts of complex exponentials.
  public let embedding: Int
  public let width: Int
  public let frequency: Double

  public init(embedding: Int, width: Int, frequency: Double) {
    self.embedding = embedding
    self.width = width
    self.frequency = frequency
  }

  public var bands: Int { (embedding - 1) / 2 }
}
