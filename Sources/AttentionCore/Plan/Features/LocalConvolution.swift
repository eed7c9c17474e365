// SPDX-License-Identifier: MIT

/// A depthwise convolution of the values over the grid of tokens, added to the output.
///
/// Kernels are centred, with zeros outside of the grid. On a sequence without a grid, and on a grid
/// of one axis, they have `size` taps, else `size` along each of the last two axes; without `usesGrid`
/// they run along the sequence in any case.
public struct LocalConvolution: Hashable, Sendable {
  public enum Kernel: Hashable, Sendable {
    /// One for all heads: the weight `[valueDim, taps]`.
    case shared(weight: String, bias: String?)
    /// One for every head and channel: the weight `[keyValueHeads, valueDim, taps]`.
    case perChannel(weight: String, bias: String?)
    /// One for all channels of a head: the weight `[keyValueHeads, taps]`.
    case perHead(weight: String)
    /// From the mean value: `second gelu(first mean)`, weights `[keyValueHeads, valueDim, valueDim]`
    /// with bias and `[keyValueHeads, taps * valueDim, valueDim]` with bias.
    case fromMeanValue(first: String, firstBias: String, second: String, secondBias: String)
  }

  public let kernel: Kernel
  public let size: Int
  public let usesGrid: Bool

  public init(_ kernel: Kernel, size: Int, usesGrid: Bool = true) {
    self.kernel = kernel
    self.size = size
    self.usesGrid = usesGrid
  }

  private func grid(of shape: AttentionShape) -> Extents? { usesGrid ? shape.grid : nil }

  /// Tokens along three axes, the outermost first.
  public func extents(shape: AttentionShape) -> [Int] {
    let axes = grid(of: shape)?.values ?? [shape.keyLength]
    return Array(repeating: 1, count: 3 - axes.count) + axes
  }

  /// Taps along the same axes.
  public func taps(shape: AttentionShape) -> [Int] {
    (grid(of: shape)?.rank ?? 1) == 1 ? [1, 1, size] : [1, size, size]
  }

  public func tapCount(shape: AttentionShape) -> Int { taps(shape: shape).reduce(1, *) }

  /// Products of taps and tokens of one head that fall inside of the grid.
  func pairs(shape: AttentionShape) -> Int {
    zip(extents(shape: shape), taps(shape: shape)).reduce(1) { product, axis in
      let (extent, taps) = axis
      let inside = (0..<extent).reduce(0) { sum, place in
        sum + min(place + taps / 2, extent - 1) - max(place - taps / 2, 0) + 1
      }
      return product * inside
    }
  }

  func work(shape: AttentionShape) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    let keyHeads = shape.batch * shape.keyValueHeads
    let values = 4 * keyHeads * shape.keyLength * shape.valueDim
    var operations = OperationCounts([.float32: 2 * heads * pairs(shape: shape) * shape.valueDim])
    if case .fromMeanValue = kernel {
      let width = shape.valueDim
      operations =
        operations
        + OperationCounts([
          .elementwise: keyHeads * shape.keyLength * width,
          .float32: 2 * keyHeads * width * width * (1 + tapCount(shape: shape)),
          .exponential: keyHeads * width,
        ])
    }
    // Outputs are still in cache when it adds to them; values have left it.
    return StageWork(
      name: "convolve values", operations: operations, bytesRead: values, bytesWritten: 0,
      parallelUnits: heads * shape.keyLength)
  }

  /// Exponentials of one key-value head.
  public func exponentials(shape: AttentionShape) -> Int {
    if case .fromMeanValue = kernel { shape.valueDim } else { 0 }
  }
}
