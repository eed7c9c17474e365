// SPDX-License-Identifier: MIT

import RealModule

/// Mixing along the sequence by convolutions as long as it, through Fourier transforms of its blocks.
///
/// A matrix of weights by distance is, between two blocks of tokens, a product modulo `z^block + i`
/// of polynomials, whose real part does not wrap around: one complex transform of the length of a
/// block forth for every block, one back, and products of spectra for every pair of blocks.
public enum LongConvolution: Hashable, Sendable {
  /// `o = q (h * (k v) + D k v)`, channel by channel: the causal filter `h` comes from a network over
  /// positions and is transformed ahead of time.
  case gated(ImplicitFilter)
  /// Linear attention whose weights `phi(q_i) . phi(k_j)` are multiplied by `exp(b_(j-i))`: one
  /// convolution for every feature and value channel.
  case relativeFeatures(featureDim: Int)

  /// How the sequence is cut.
  public struct Blocks: Hashable, Sendable {
    /// Blocks at most.
    public static let limit = 8
    /// Tokens of a block, a power of two and at least 64.
    public let length: Int
    public let count: Int
    /// Spectra that lie between a block of queries and the blocks of keys that it sees.
    public let spectra: Int
    /// Pairs of a block of queries and one of keys.
    public let pairs: Int

    init(length: Int, tokens: Int, isCausal: Bool) {
      self.length = length
      count = (tokens + length - 1) / length
      spectra = isCausal ? count : 2 * count - 1
      pairs = isCausal ? count * (count + 1) / 2 : count * count
    }

    /// Tokens with what fills up the last block.
    public var tokens: Int { length * count }

    /// Floating-point operations of the transforms of one real column, forth and back.
    var transforms: Double { 10 * Double(tokens) * Double.log2(Double(length)) }
    /// Multiplications and additions of the products of its spectra.
    var products: Int { 8 * pairs * length }

    /// Cycles per vector of 16 columns, as measured with AVX-512 on Zen 4: what every token costs,
    /// transforms of 64 and of the rest in steps of eight, products, and blocks that leave half of
    /// the second cache.
    fileprivate var cost: Double {
      let bits = (length / 64).trailingZeroBitCount
      let transforms = 53 + 9 * Double((bits + 2) / 3) + 1.5 * Double(bits)
      return Double(tokens) * (transforms + (length > 2048 ? 8 : 0)) + Double(4 * pairs * length)
    }
  }

  /// The cheapest blocks of at most ``Blocks/limit``.
  public static func blocks(shape: AttentionShape) -> Blocks {
    let tokens = shape.queryLength
    var best = Blocks(length: 64, tokens: tokens, isCausal: shape.isCausal)
    var length = 128
    while length < 2 * tokens {
      let other = Blocks(length: length, tokens: tokens, isCausal: shape.isCausal)
      if best.count > Blocks.limit || other.cost < best.cost { best = other }
      length *= 2
    }
    return best
  }

  /// Columns with those that fill up vectors of 16.
  public static func paddedColumns(_ columns: Int) -> Int { (columns + 15) & ~15 }

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
    let blocks = Self.blocks(shape: shape)
    let bytes = TensorBytes(shape)
    let convolve = OperationCounts([
      .fourier: Int((Double(columns) * blocks.transforms).rounded()),
      .float32: columns * blocks.products,
    ])
    switch self {
    case .gated:
      let elements = columns * shape.queryLength
      return [
        StageWork(
          name: "gate, convolve, gate",
          operations: convolve + OperationCounts([.elementwise: 2 * elements]),
          bytesRead: bytes.inputs + Self.filterBytes(shape: shape),
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
            + OperationCounts([
              .elementwise: columns * shape.queryLength,
              .float32: 2 * columns * shape.queryLength,
            ]),
          bytesRead: bytes.value, bytesWritten: bytes.output, parallelUnits: columns),
      ]
    }
  }

  /// Spectra of the filters of every channel.
  public static func filterBytes(shape: AttentionShape) -> Int {
    let blocks = blocks(shape: shape)
    return 8 * blocks.spectra * blocks.length * shape.queryHeads * paddedColumns(shape.valueDim)
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
