// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attends strips block by block and notes the blocks that the kernel left out.
final class ScoreFilter: @unchecked Sendable {
  private let below: Float
  private let lanes: Int
  private let rows: Int
  private let stripsPerRow: Int
  private let blocks: Int
  private let wordsPerStrip: Int
  private let words: UnsafeMutablePointer<UInt32>
  private let count: Int

  init(below: Double, shape: AttentionShape, geometry: SelectionGeometry, lanes: Int) {
    self.below = Float(below)
    self.lanes = lanes
    rows = geometry.rowCount
    blocks = geometry.blockCount
    stripsPerRow = (geometry.queries(row: 0).count + lanes - 1) / lanes
    wordsPerStrip = LeftOutBlocks.wordsPerStrip(blocks: blocks)
    count = Self.words(shape: shape, geometry, lanes: lanes)
    words = .allocate(capacity: count)
    words.initialize(repeating: 0, count: count)
  }

  /// Words of one bit per strip and block.
  static func words(shape: AttentionShape, _ geometry: SelectionGeometry, lanes: Int) -> Int {
    let strips = geometry.rowCount * ((geometry.queries(row: 0).count + lanes - 1) / lanes)
    return shape.batch * shape.queryHeads * strips
      * LeftOutBlocks.wordsPerStrip(blocks: geometry.blockCount)
  }

  deinit {
    words.deallocate()
  }

  var bytes: Int { 4 * count }

  /// What the last run left out.
  var leftOut: LeftOutBlocks {
    LeftOutBlocks(
      lanes: lanes, rows: rows, stripsPerRow: stripsPerRow, blocks: blocks,
      words: Array(UnsafeBufferPointer(start: words, count: count)))
  }

  /// Makes a loaded strip leave blocks out.
  func begin(_ strip: UnsafeMutableRawPointer) { attn_tiled_leave_out(strip, below) }

  /// Where the bits of the strip lie that begins `offset` queries after its row unit; cleared.
  func marks(head: Int, row: Int, offset: Int) -> UnsafeMutablePointer<UInt32> {
    let marks = words + ((head * rows + row) * stripsPerRow + offset / lanes) * wordsPerStrip
    marks.update(repeating: 0, count: wordsPerStrip)
    return marks
  }
}
