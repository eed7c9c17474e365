// SPDX-License-Identifier: MIT

import AttentionCore

/// Two-step evaluation of block selection: is the choice right, then attention given the choice.
public struct BlockReference: Sendable {
  public let shape: AttentionShape
  /// Queries of every row unit.
  public let rows: [[Int]]
  /// Keys of every block.
  public let blocks: [[Int]]

  /// The queries of every row unit, together every query once, and the keys of every block.
  public init(shape: AttentionShape, rows: [[Int]], blocks: [[Int]]) {
    self.shape = shape
    self.rows = rows
    self.blocks = blocks
  }

  /// Consecutive queries and keys.
  public init(shape: AttentionShape, queryBlock: Int, keyBlock: Int) {
    self.init(
      shape: shape, rows: Self.cut(shape.queryLength, queryBlock),
      blocks: Self.cut(shape.keyLength, keyBlock))
  }

  /// Tiles of a grid for queries and keys alike; row units are tiles or single queries.
  public init(shape: AttentionShape, tile: Extents, rowsAreTiles: Bool) {
    let grid = shape.grid ?? [shape.queryLength]
    var tiles: [[Int]: [Int]] = [:]
    for token in 0..<shape.queryLength {
      let coordinate = zip(grid.coordinate(of: token), tile.values).map { $0 / $1 }
      tiles[coordinate, default: []].append(token)
    }
    let blocks = tiles.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
    // A row unit of one query stands at the query's place among the tiles.
    self.init(
      shape: shape, rows: rowsAreTiles ? blocks : blocks.flatMap { $0.map { [$0] } },
      blocks: blocks)
  }

  private static func cut(_ count: Int, _ size: Int) -> [[Int]] {
    stride(from: 0, to: count, by: size).map { Array($0..<min($0 + size, count)) }
  }

  /// Blocks of which the row unit sees some key.
  public func visibleBlocks(_ row: Int) -> [Int] {
    blocks.indices.filter { block in
      blocks[block].contains { key in
        rows[row].contains { SoftmaxReference.allows(shape, query: $0, key: key) }
      }
    }
  }

  /// Blocks in which the last visible key of one of the unit's queries lies.
  public func diagonalBlocks(_ row: Int) -> Set<Int> {
    Set(
      rows[row].compactMap { query in
        blocks.indices.last { block in
          blocks[block].contains { SoftmaxReference.allows(shape, query: query, key: $0) }
        }
      })
  }

  /// The mean of rows of a matrix.
  public static func mean(_ rows: Rows, _ indices: [Int]) -> [Double] {
    var sum = [Double](repeating: 0, count: rows.width)
    for index in indices {
      for (column, value) in rows[index].enumerated() { sum[column] += value }
    }
    return sum.map { $0 / Double(indices.count) }
  }

  public static func dot(_ left: [Double], _ right: [Double]) -> Double {
    zip(left, right).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// Attention to the selection at hand, or to what `choices` keep.
  ///
  /// `choices` says what every row unit of a head may choose. Kept pairs are attended to as
  /// `operands` has them.
  public func attend(
    _ problem: ReferenceProblem,
    operands: (ReferenceHead) -> ReferenceHead = { $0 },
    _ choices: (_ head: ReferenceHead, _ batch: Int, _ queryHead: Int) -> [SelectionReference.Row]
  ) -> ReferenceOutput {
    problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let chosen: [Set<Int>]
      if let selection = problem.selection {
        chosen = rows.indices.map { Set(selection.blocks(head: index, row: $0)) }
      } else {
        chosen = choices(head, batch, queryHead).map(SelectionReference.choose)
      }
      return attend(operands(head), chosen: chosen)
    }
  }

  /// Attention of one head given the blocks of every row unit.
  public func attend(_ head: ReferenceHead, chosen: [Set<Int>]) -> Rows {
    var rowOfQuery = [Int](repeating: 0, count: shape.queryLength)
    for (row, queries) in rows.enumerated() {
      for query in queries { rowOfQuery[query] = row }
    }
    var blockOfKey = [Int](repeating: 0, count: shape.keyLength)
    for (block, keys) in blocks.enumerated() {
      for key in keys { blockOfKey[key] = block }
    }
    return SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
      SoftmaxReference.allows(shape, query: query, key: key)
        && chosen[rowOfQuery[query]].contains(blockOfKey[key])
    }
  }

  /// What is wrong with the selection at hand, head by head.
  public func defects(
    _ problem: ReferenceProblem,
    _ choices: (_ head: ReferenceHead, _ batch: Int, _ queryHead: Int) -> [SelectionReference.Row]
  ) -> [String] {
    guard let selection = problem.selection else { return ["no selection was made"] }
    var defects: [String] = []
    _ = problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      for (row, choice) in choices(head, batch, queryHead).enumerated() {
        let chosen = Set(selection.blocks(head: index, row: row))
        if let defect = SelectionReference.defect(chosen: chosen, row: choice) {
          defects.append("head \(index), row unit \(row): \(defect)")
        }
      }
      return Rows(count: 0, width: 0)
    }
    return defects
  }
}
