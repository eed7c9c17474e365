// SPDX-License-Identifier: MIT

/// Attention through a few landmarks: two flat kernels and the inverse of a small one between them.
///
/// `O = A B^+ C V` with `A` from queries to landmarks, `B` among landmarks and `C` from landmarks
/// to keys; the inverse is iterated by products of matrices.
public struct LowRank: Hashable, Sendable {
  public enum Kernel: Hashable, Sendable {
    /// Softmax kernels; landmarks are means of nearly equal segments of queries and of keys.
    case softmaxOfMeans(landmarks: Int)
    /// `exp(-|x - y|^2 / 2)` of queries alone; landmarks are queries convolved over windows by the
    /// weight `pool` `[headDim, headDim, window tokens]`, normed and passed through GELU.
    case gaussianOfWindows(ratio: Int, ridge: Double)
  }

  public let kernel: Kernel
  /// Steps of the iterated inverse.
  public let iterations: Int
  public let local: LocalConvolution?

  public init(kernel: Kernel, iterations: Int, local: LocalConvolution?) {
    self.kernel = kernel
    self.iterations = iterations
    self.local = local
  }

  public func landmarks(shape: AttentionShape) -> Int {
    switch kernel {
    case .softmaxOfMeans(let landmarks):
      return min(landmarks, shape.queryLength, shape.keyLength)
    case .gaussianOfWindows(let ratio, _):
      let windows = LandmarkWindows(shape: shape, ratio: ratio)
      return windows.count
    }
  }

  func work(shape: AttentionShape) -> [StageWork] {
    let heads = shape.batch * shape.queryHeads
    let (m, d, e) = (landmarks(shape: shape), shape.headDim, shape.valueDim)
    let rows = shape.queryLength + shape.keyLength
    let bytes = TensorBytes(shape)
    let small: OperationCounts
    let flat: OperationCounts
    let read: Int
    switch kernel {
    case .softmaxOfMeans:
      small = OperationCounts([
        .elementwise: heads * rows * d, .exponential: heads * m * m,
        .float32: 2 * heads * (m * m * d + 4 * iterations * m * m * m + m * m * e),
      ])
      flat = OperationCounts([
        .float32: 2 * heads * m * rows * (d + e), .exponential: heads * m * rows,
      ])
      read = bytes.inputs
    case .gaussianOfWindows(let ratio, _):
      let windows = LandmarkWindows(shape: shape, ratio: ratio)
      small = OperationCounts([
        .float32: 2 * heads
          * (windows.tokens * m * d * d + m * m * d + 2 * iterations * m * m * m + m * m * e),
        .elementwise: 6 * heads * m * d, .exponential: heads * (m * d + m * m),
      ])
      // The same kernel serves both ways, but rows are met twice.
      flat = OperationCounts([
        .float32: 2 * heads * m * 2 * shape.queryLength * (d + e),
        .exponential: heads * m * 2 * shape.queryLength,
        .elementwise: heads * 2 * shape.queryLength * d,
      ])
      read = bytes.query + bytes.value
    }
    let parts = [
      StageWork(
        name: "landmarks and inverse", operations: small, bytesRead: read - bytes.value,
        bytesWritten: 0, parallelUnits: heads),
      StageWork(
        name: "kernels to landmarks", operations: flat, bytesRead: read,
        bytesWritten: bytes.output, parallelUnits: heads * ((shape.queryLength + 63) / 64)),
    ]
    guard let local else { return parts }
    return parts + [local.work(shape: shape)]
  }

  /// What an engine must count at `shape`.
  public func expectedCounts(shape: AttentionShape) -> EngineCounts {
    let heads = shape.batch * shape.queryHeads
    var counts = EngineCounts()
    for part in work(shape: shape) {
      counts.exponentials += part.operations[.exponential]
    }
    let (n, keys, d, e) = (shape.queryLength, shape.keyLength, shape.headDim, shape.valueDim)
    switch kernel {
    // Means read queries and keys, then keys and values meet landmarks, then queries.
    case .softmaxOfMeans: counts.bytesRead = 4 * heads * (2 * n * d + 2 * keys * d + keys * e)
    case .gaussianOfWindows(let ratio, _):
      let windows = LandmarkWindows(shape: shape, ratio: ratio)
      counts.bytesRead = 4 * heads * ((windows.tokens * windows.count + 2 * n) * d + n * e)
    }
    counts.bytesWritten = 4 * heads * n * e
    if local != nil { counts.bytesRead += 4 * heads * keys * e }
    return counts
  }
}

/// Windows of tokens that one landmark each is made of: `ratio` along each of two axes, or
/// `ratio^2` in sequence; what does not fill a window is left out.
public struct LandmarkWindows: Sendable {
  /// Windows along two axes.
  public let rows, columns: Int
  /// Tokens of a window along the same axes.
  public let height, width: Int
  /// Tokens from one row of the grid to the next.
  public let stride: Int

  public init(shape: AttentionShape, ratio: Int) {
    if let grid = shape.grid, grid.rank == 2 {
      height = min(ratio, grid.values[0])
      width = min(ratio, grid.values[1])
      rows = grid.values[0] / height
      columns = grid.values[1] / width
      stride = grid.values[1]
    } else {
      height = 1
      width = min(ratio * ratio, shape.queryLength)
      rows = 1
      columns = shape.queryLength / width
      stride = shape.queryLength
    }
  }

  public var count: Int { rows * columns }
  public var tokens: Int { height * width }

  /// The tokens of window `index`, row by row.
  public func tokens(of index: Int) -> [Int] {
    let (row, column) = index.quotientAndRemainder(dividingBy: columns)
    return (0..<height).flatMap { y in
      (0..<width).map { (row * height + y) * stride + column * width + $0 }
    }
  }
}
