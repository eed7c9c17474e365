// SPDX-License-Identifier: MIT

/// Boxes of a row-major token grid: per axis, the positions that a query's position sees.
public struct GridBoxes: Hashable, Sendable {
  public let grid: Extents
  /// Position in the sequence of the grid's first token.
  public let firstToken: Int
  /// Per axis and query position: the key positions.
  private let ranges: [[Range<Int>]]

  /// - Requires: one list per axis with one range within the axis per position.
  public init(grid: Extents, firstToken: Int = 0, ranges: [[Range<Int>]]) {
    precondition(
      ranges.count == grid.rank
        && (0..<grid.rank).allSatisfy { axis in
          ranges[axis].count == grid[axis]
            && ranges[axis].allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= grid[axis] }
        }, "one range within the axis per position of every axis")
    self.grid = grid
    self.firstToken = firstToken
    self.ranges = ranges
  }

  /// Keys of all boxes: what a query sees is a product over the axes, and so is the sum of it.
  var attendedPairs: Int {
    ranges.reduce(1) { $0 * $1.reduce(0) { $0 + $1.count } }
  }

  /// The box of `query`; nothing for queries beside the grid.
  func spans(of query: Int) -> [Range<Int>] {
    let index = query - firstToken
    guard index >= 0, index < grid.count else { return [] }
    let coordinate = grid.coordinate(of: index)
    let box = (0..<grid.rank).map { ranges[$0][coordinate[$0]] }
    guard !box.contains(where: \.isEmpty) else { return [] }
    var spans = [firstToken..<firstToken + 1]
    for axis in 0..<grid.rank {
      let length = grid[axis]
      let isLast = axis == grid.rank - 1
      var finer: [Range<Int>] = []
      for span in spans {
        // A span of one position of the axes so far; on the last axis its keys are neighbours.
        let base = firstToken + (span.lowerBound - firstToken) * length
        if isLast {
          finer.append(base + box[axis].lowerBound..<base + box[axis].upperBound)
        } else {
          finer += box[axis].map { base + $0..<base + $0 + 1 }
        }
      }
      spans = finer
    }
    return KeySpans.union(spans)
  }
}
