// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The runs of one strip under construction, in memory of one worker.
///
/// Lanes see a prefix of the keys each, and later lanes never see less.
struct StripRuns {
  let runs: UnsafeMutablePointer<attn_run_t>
  let masks: UnsafeMutablePointer<UInt32>
  /// Keys that each lane sees, ascending.
  let visible: UnsafeMutablePointer<Int32>
  let lanes: Int
  let keyTile: Int
  private(set) var runCount = 0
  private(set) var maskCount = 0
  private(set) var keyRows = 0

  init(
    runs: UnsafeMutablePointer<attn_run_t>, masks: UnsafeMutablePointer<UInt32>,
    visible: UnsafeMutablePointer<Int32>, lanes: Int, keyTile: Int
  ) {
    self.runs = runs
    self.masks = masks
    self.visible = visible
    self.lanes = lanes
    self.keyTile = keyTile
  }

  /// Adds the keys of one block for the lanes in `chosen`.
  mutating func append(_ keys: Range<Int>, chosen: UInt32) {
    let all = TileSchedule.laneMask(lanes)
    // Later lanes see more, so the highest chosen lane ends the block.
    let highest = 31 - chosen.leadingZeroBitCount
    let end = min(keys.upperBound, Int(visible[highest]))
    guard end > keys.lowerBound else { return }
    let count = end - keys.lowerBound
    keyRows += count
    let seenByAll = min(max(Int(visible[0]) - keys.lowerBound, 0), count)
    let full = chosen != all ? 0 : seenByAll == count ? count : seenByAll / keyTile * keyTile
    if full > 0 { addRun(first: keys.lowerBound, count: full, mask: -1) }
    guard full < count else { return }
    addRun(first: keys.lowerBound + full, count: count - full, mask: Int32(maskCount))
    var blind = 0
    for key in keys.lowerBound + full..<end {
      while blind < lanes, Int(visible[blind]) <= key { blind += 1 }
      // Lanes before `blind` do not see this key.
      masks[maskCount] = blind == 32 ? 0 : chosen & (UInt32.max << UInt32(blind))
      maskCount += 1
    }
  }

  /// Adds mean keys, which every lane sees; places are counted from `first`.
  mutating func append(mean keys: Range<Int>, from first: Int) {
    keyRows += keys.count
    addRun(first: keys.lowerBound - first, count: keys.count, mask: -1)
  }

  private mutating func addRun(first: Int, count: Int, mask: Int32) {
    runs[runCount] = attn_run_t(
      first_key: Int32(first), count: Int32(count), step: 1, mask: mask)
    runCount += 1
  }
}

/// Memory for the runs of one strip, per worker.
final class StripRunMemory: @unchecked Sendable {
  private let runs: Workspace
  private let masks: Workspace
  private let visible: Workspace

  /// Room for `blocks` blocks, each a full and a masked run, and `keys` lane masks.
  init(blocks: Int, keys: Int, workers: Int) {
    runs = Workspace(
      bytesPerWorker: 2 * blocks * MemoryLayout<attn_run_t>.stride, workers: workers)
    masks = Workspace(bytesPerWorker: 4 * keys, workers: workers)
    visible = Workspace(bytesPerWorker: 4 * 32, workers: workers)
  }

  var bytes: Int { runs.bytes + masks.bytes + visible.bytes }

  func runs(worker: Int, lanes: Int, keyTile: Int) -> StripRuns {
    StripRuns(
      runs: runs[worker].assumingMemoryBound(to: attn_run_t.self),
      masks: masks[worker].assumingMemoryBound(to: UInt32.self),
      visible: visible[worker].assumingMemoryBound(to: Int32.self), lanes: lanes,
      keyTile: keyTile)
  }
}
