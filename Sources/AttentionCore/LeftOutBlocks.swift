// SPDX-License-Identifier: MIT

/// Chosen blocks whose values were not added, strip by strip of the queries of every row unit.
public struct LeftOutBlocks: Sendable {
  /// Queries of a strip; the last one of a row unit may have fewer.
  public let lanes: Int
  public let rows: Int
  public let stripsPerRow: Int
  public let blocks: Int
  /// One bit per block: `[heads, rows, stripsPerRow, wordsPerStrip]`.
  public let words: [UInt32]

  public init(lanes: Int, rows: Int, stripsPerRow: Int, blocks: Int, words: [UInt32]) {
    self.lanes = lanes
    self.rows = rows
    self.stripsPerRow = stripsPerRow
    self.blocks = blocks
    self.words = words
  }

  /// Words that the bits of `blocks` blocks take.
  public static func wordsPerStrip(blocks: Int) -> Int { (blocks + 31) / 32 }

  /// Whether the query `offset` places after the first one of its row unit got nothing of a block.
  public func contains(head: Int, row: Int, offset: Int, block: Int) -> Bool {
    let strip = (head * rows + row) * stripsPerRow + offset / lanes
    let word = words[strip * Self.wordsPerStrip(blocks: blocks) + block / 32]
    return word >> UInt32(block % 32) & 1 == 1
  }
}
