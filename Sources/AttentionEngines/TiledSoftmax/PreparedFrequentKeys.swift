// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The frequent keys and values of every head side by side, and the visits of strips to them.
///
/// Where queries may see frequent keys is compiled once per pattern, for all keys. When a head has
/// found its own, the lane masks of those are picked out strip by strip.
final class PreparedFrequentKeys: @unchecked Sendable {
  private let shape: AttentionShape
  private let kernels: attn_tiled_kernels_t
  /// Keys that a head may take.
  private let capacity: Int
  /// Per pattern, where strips see frequent keys; nil where they do not.
  private let visible: [ScheduleMemory?]
  /// Per pattern, which keys are taken when they are frequent.
  private let isTaken: [[Bool]]
  /// `[query heads of the batch, capacity, headDim]` and the same of values.
  private let keys, values: UnsafeMutablePointer<Float>
  /// Per head: the taken keys before each key.
  private let before: UnsafeMutablePointer<Int32>
  /// Lane masks of the taken keys, then runs of them.
  private let workspace: Workspace

  /// Nil where no key is frequent.
  init?(_ rule: MaskRule, shape: AttentionShape, context: ExecutionContext) {
    guard case .patterns(let heads) = rule, let count = heads.choice?.frequentCount, count > 0
    else { return nil }
    self.shape = shape
    kernels = context.kernels.tiled
    capacity = count
    visible = heads.candidates.map { pattern in
      pattern.frequent.map {
        ScheduleMemory(
          TileSchedule(
            $0.visible, order: pattern.order, queryLength: shape.queryLength,
            keyLength: shape.keyLength, tile: context.kernels.tile))
      }
    }
    isTaken = heads.candidates.map { pattern in
      var isTaken = [Bool](repeating: false, count: shape.keyLength)
      for key in (pattern.frequent?.among ?? []).joined() { isTaken[key] = true }
      return isTaken
    }
    let headCount = shape.batch * shape.queryHeads
    keys = .allocate(capacity: headCount * count * shape.headDim)
    values = .allocate(capacity: headCount * count * shape.valueDim)
    before = .allocate(capacity: headCount * (shape.keyLength + 1))
    keys.initialize(repeating: .nan, count: headCount * count * shape.headDim)
    values.initialize(repeating: .nan, count: headCount * count * shape.valueDim)
    before.initialize(repeating: 0, count: headCount * (shape.keyLength + 1))
    workspace = Workspace(
      bytesPerWorker: count * (4 + MemoryLayout<attn_run_t>.stride), workers: context.pool.count)
  }

  deinit {
    keys.deallocate()
    values.deallocate()
    before.deallocate()
  }

  var bytes: Int {
    visible.reduce(0) { $0 + ($1?.bytes ?? 0) } + isTaken.count * shape.keyLength
      + workspace.bytes + 4 * shape.batch * shape.queryHeads
      * (capacity * (shape.headDim + shape.valueDim) + shape.keyLength + 1)
  }

  /// Whether a pattern takes `key` where it is frequent.
  func takes(_ key: Int32, pattern: Int) -> Bool { isTaken[pattern][Int(key)] }

  /// Copies what a head takes of its frequent keys `ids`, which ascend; returns their number.
  func gather(
    _ ids: UnsafePointer<Int32>, head: Int, pattern: Int, _ at: AttendOperands.Head
  ) -> Int {
    guard visible[pattern] != nil else { return 0 }
    let before = before + head * (shape.keyLength + 1)
    let (headDim, valueDim) = (shape.headDim, shape.valueDim)
    var key = keys + head * capacity * headDim
    var value = values + head * capacity * valueDim
    var (count, next) = (0, 0)
    for index in 0..<capacity where takes(ids[index], pattern: pattern) {
      let id = Int(ids[index])
      (before + next).update(repeating: Int32(count), count: id + 1 - next)
      next = id + 1
      key.update(from: at.key + id * headDim, count: headDim)
      value.update(from: at.value + id * valueDim, count: valueDim)
      key += headDim
      value += valueDim
      count += 1
    }
    (before + next).update(repeating: Int32(count), count: shape.keyLength + 1 - next)
    return count
  }

  /// Lets a loaded strip attend to what it sees of its head's frequent keys.
  func attend(
    _ scratch: UnsafeMutableRawPointer, place: StripPlaces.Place, worker: Int, board: CountBoard
  ) {
    guard let schedule = visible[place.pattern] else { return }
    let strip = schedule.strips[place.strip]
    let before = before + place.head * (shape.keyLength + 1)
    let taken = Int(before[shape.keyLength])
    let words = workspace[worker].assumingMemoryBound(to: UInt32.self)
    let runs = (workspace[worker] + 4 * capacity).assumingMemoryBound(to: attn_run_t.self)
    let lanes = TileSchedule.laneMask(strip.queries.count)
    words.update(repeating: 0, count: taken)
    for run in strip.runs { mark(schedule.runs[run], schedule, before, lanes: lanes, words) }
    let (runCount, rows) = cut(words, taken, lanes: lanes, into: runs)
    guard runCount > 0 else { return }
    kernels.attend(
      scratch, keys + place.head * capacity * shape.headDim, shape.headDim,
      values + place.head * capacity * shape.valueDim, shape.valueDim, nil, runs, Int32(runCount),
      words, board[worker])
    board.add(worker: worker, keyRows: rows, queryRows: 0, shape)
  }

  /// Writes the lane masks of the taken keys of a run.
  private func mark(
    _ run: attn_run_t, _ schedule: ScheduleMemory, _ before: UnsafePointer<Int32>, lanes: UInt32,
    _ words: UnsafeMutablePointer<UInt32>
  ) {
    let first = Int(run.first_key)
    if run.mask < 0, run.step == 1 {
      for place in before[first]..<before[first + Int(run.count)] { words[Int(place)] = lanes }
      return
    }
    for index in 0..<Int(run.count) {
      let key = first + index * Int(run.step)
      guard before[key + 1] > before[key] else { continue }
      words[Int(before[key])] = run.mask < 0 ? lanes : schedule.masks[Int(run.mask) + index]
    }
  }

  /// Cuts the keys that some lane sees into runs whose tiles are full and runs with masks.
  private func cut(
    _ words: UnsafePointer<UInt32>, _ count: Int, lanes: UInt32,
    into runs: UnsafeMutablePointer<attn_run_t>
  ) -> (runs: Int, rows: Int) {
    let tile = Int(kernels.key_tile)
    var (runCount, rows, place) = (0, 0, 0)
    /// Whether the next tile is right behind the last run.
    var isInside = false
    while place < count {
      guard words[place] != 0 else {
        place += 1
        isInside = false
        continue
      }
      var (end, seen) = (place, lanes)
      while end < min(place + tile, count), words[end] != 0 {
        seen &= words[end]
        end += 1
      }
      let mask = seen == lanes ? -1 : Int32(place)
      if isInside, (runs[runCount - 1].mask < 0) == (mask < 0) {
        runs[runCount - 1].count += Int32(end - place)
      } else {
        runs[runCount] = attn_run_t(
          first_key: Int32(place), count: Int32(end - place), step: 1, mask: mask)
        runCount += 1
      }
      rows += end - place
      isInside = true
      place = end
    }
    return (runCount, rows)
  }
}
