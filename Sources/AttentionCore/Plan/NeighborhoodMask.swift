// SPDX-License-Identifier: MIT

/// The keys of one axis that a query at one position of that axis attends to.
///
/// Dilation splits an axis into classes of positions with the same residue; inside a class
/// everything is undilated, and positions of different classes never attend to each other.
///
/// Source: Hassani et al., *Generalized Neighborhood Attention* (2025), arXiv:2504.16922.
public struct AxisWindow: Hashable, Sendable {
  public let length: Int
  public let window: Int
  public let stride: Int
  public let dilation: Int
  public let isCausal: Bool

  public init(length: Int, window: Int, stride: Int, dilation: Int, isCausal: Bool) {
    self.length = length
    self.window = window
    self.stride = stride
    self.dilation = dilation
    self.isCausal = isCausal
  }

  /// Positions in the class of `residue`.
  public func classLength(residue: Int) -> Int {
    (length - residue + dilation - 1) / dilation
  }

  /// The window of the query with index `index` in a class of `count` positions, in class indices.
  ///
  /// The window is shifted inside at both ends, never shortened; on a causal axis it starts by the
  /// last query of the stride group and ends with the query itself.
  public func range(index: Int, count: Int) -> Range<Int> {
    let first = index / stride * stride
    guard !isCausal else {
      let leader = min(first + stride - 1, count - 1)
      return max(leader - window + 1, 0)..<index + 1
    }
    let leader = min(first + stride / 2, count - 1)
    let start = min(max(leader - window / 2, 0), count - window)
    return start..<start + window
  }

  /// Attended pairs of this axis over all classes, in closed form.
  public var attendedPairs: Int {
    guard isCausal else { return length * window }
    // Classes have two lengths, which differ by one.
    let longer = length % dilation
    let count = length / dilation
    return longer * causalPairs(count: count + 1) + (dilation - longer) * causalPairs(count: count)
  }

  /// Attended pairs of a causal class: all pairs up to the query, less what lies before the windows.
  private func causalPairs(count: Int) -> Int {
    let groups = count / stride
    // Windows of the whole groups begin at g stride + stride - window, from the first group on
    // where that is not negative.
    let first = min(max((window - 1) / stride, 0), groups)
    let starts =
      (groups - first) * (stride - window) + stride * (groups + first - 1) * (groups - first) / 2
    let rest = (count - groups * stride) * max(count - window, 0)
    return count * (count + 1) / 2 - starts * stride - rest
  }
}

/// A neighborhood on a token grid of rank 1 to 3, with keys outside the grid that everyone sees.
public struct NeighborhoodMask: Hashable, Sendable {
  /// Outermost axis first.
  public let axes: [AxisWindow]
  /// Keys after those of the grid that are visible to every query.
  public let extraKeys: Int

  public init(axes: [AxisWindow], extraKeys: Int = 0) {
    self.axes = axes
    self.extraKeys = extraKeys
  }

  public var grid: Extents { Extents(axes.map(\.length)) }

  /// Attended pairs of one head; a product over axes, never a loop over pairs.
  public var attendedPairs: Int {
    axes.reduce(1) { $0 * $1.attendedPairs } + grid.count * extraKeys
  }
}
