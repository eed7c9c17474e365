// SPDX-License-Identifier: MIT

/// Blocks scored by sampled tokens and kept at the resolution that their rank deserves.
public struct PyramidSearch: Hashable, Sendable {
  /// Tokens of a mean key at every resolution.
  public static let levels = [1, 2, 4, 8]

  /// Shares of the ranked blocks at which the resolutions end, finest first.
  public let ends: [Double]
  /// Sampled places inside row units and blocks, ascending.
  public let queryOffsets, keyOffsets: [Int]
  /// Blocks of every resolution are a multiple of as many, so that mean keys fill tiles.
  public let multiples: [Int]

  public init(ends: [Double], queryOffsets: [Int], keyOffsets: [Int], multiples: [Int]) {
    self.ends = ends
    self.queryOffsets = queryOffsets
    self.keyOffsets = keyOffsets
    self.multiples = multiples
  }

  /// Ranks at which the resolutions end among `count` blocks; at least one block is whole.
  public func ranks(_ count: Int) -> [Int] {
    var last = 0
    return zip(ends, multiples).enumerated().map { level, rule in
      var end = min(count, Int(Double(count) * rule.0))
      if level == 0, count > 0 { end = max(end, 1) }
      let length = end - last
      if length > 0, !length.isMultiple(of: rule.1) {
        end = last + (length / rule.1 + 1) * rule.1
        if end >= count { end = last + (count - last) / rule.1 * rule.1 }
      }
      last = max(last, end)
      return last
    }
  }

  /// The places among `range` that are asked, the first where no offset lies inside.
  public static func sampled(_ offsets: [Int], of range: Range<Int>) -> [Int] {
    let inside = offsets.map { range.lowerBound + $0 }.filter { $0 < range.upperBound }
    return inside.isEmpty ? [range.lowerBound] : inside
  }
}

/// Chunks of keys that begin where the mean key before a block and that from it on differ most.
public struct ChunkSearch: Hashable, Sendable {
  /// Keys of the means to either side of a border.
  public let window: Int
  /// Blocks of the longest chunk.
  public let mostBlocks: Int
  /// Whether all chunks are as long as the longest.
  public let isFixed: Bool
  /// Blocks that a row unit keeps, those of its own chunk included.
  public let budget: Int

  public init(window: Int, mostBlocks: Int, isFixed: Bool, budget: Int) {
    self.window = window
    self.mostBlocks = mostBlocks
    self.isFixed = isFixed
    self.budget = budget
  }
}

/// Orders of a grid's axes, judged by the weights of one query of every row unit.
public struct AxisOrderSearch: Hashable, Sendable {
  /// Blocks whose mean weight is below this share of the mean of all count as empty.
  public let negligible: Double

  public init(negligible: Double) {
    self.negligible = negligible
  }

  /// All orders of `rank` axes, the outermost first, in lexicographic order.
  public static func orders(rank: Int) -> [[Int]] {
    guard rank > 0 else { return [[]] }
    return (0..<rank).flatMap { first in
      orders(rank: rank - 1).map { rest in [first] + rest.map { $0 < first ? $0 : $0 + 1 } }
    }
  }

  /// The token at every place when the grid's axes are walked in the given order.
  public static func tokens(grid: Extents, axes: [Int]) -> [Int32] {
    var steps = [Int](repeating: 1, count: grid.rank)
    for axis in stride(from: grid.rank - 2, through: 0, by: -1) {
      steps[axis] = steps[axis + 1] * grid[axis + 1]
    }
    return axes.reduce([0]) { tokens, axis in
      tokens.flatMap { token in (0..<grid[axis]).map { token + Int32($0 * steps[axis]) } }
    }
  }
}
