// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Sorts the keys of every segment by importance and chooses blocks of the sorted keys.
///
/// Lists hold single keys: those of the chosen blocks, ascending.
final class SegmentChooser: Chooser, BlockChooser, @unchecked Sendable {
  private let pattern: SortedSegments
  private let heads: Int
  /// Keys of whole segments.
  private let sortedKeys: Int
  private let blockCount: Int
  /// Per query head: tokens of whole segments in sorted order.
  private let order: UnsafeMutablePointer<Int32>
  /// Mean sorted keys `[heads, blocks, headDim]`.
  private let pooled: Tensor<Float>
  /// Per worker: weights of a batch of rows and their sums, or gathered rows.
  private let rows: Workspace
  private let keys: Workspace
  private let scores: Workspace
  /// Per worker: whether a key is kept.
  private let marks: Workspace

  init(_ pattern: SortedSegments, shape: AttentionShape, setting: SelectionSetting) {
    self.pattern = pattern
    heads = shape.batch * shape.queryHeads
    sortedKeys = shape.keyLength / pattern.segment * pattern.segment
    blockCount = sortedKeys / pattern.blockSize
    order = .allocate(capacity: max(heads * sortedKeys, 1))
    order.initialize(repeating: 0, count: max(heads * sortedKeys, 1))
    pooled = Tensor([heads, max(blockCount, 1), shape.headDim])
    let workers = setting.context.pool.count
    rows = Workspace(
      bytesPerWorker: 4
        * max((ScoreBatch.rows + 1) * sortedKeys, (pattern.blockSize + 1) * shape.headDim),
      workers: workers)
    keys = Workspace(bytesPerWorker: 8 * max(pattern.segment, blockCount), workers: workers)
    scores = Workspace(bytesPerWorker: 4 * max(blockCount, 1), workers: workers)
    marks = Workspace(bytesPerWorker: shape.keyLength, workers: workers)
    super.init(shape: shape, setting: setting)
  }

  deinit {
    order.deallocate()
  }

  var bytes: Int {
    4 * heads * sortedKeys + pooled.byteCount + rows.bytes + keys.bytes + scores.bytes
      + marks.bytes
  }

  var phases: [WorkerPool.Job] {
    [
      WorkerPool.Job(units: sortedKeys == 0 ? 0 : heads, body: sort),
      WorkerPool.Job(units: heads * blockCount, body: pool),
      WorkerPool.Job(units: heads * geometry.rowCount, body: choose),
    ]
  }

  /// Orders the keys of every segment by the mean weight that the last queries give them.
  private func sort(worker: Int, head: Int) {
    guard let operands = current.value else { return }
    let weights = rows[worker].assumingMemoryBound(to: Float.self)
    let sums = weights + ScoreBatch.rows * sortedKeys
    sums.update(repeating: 0, count: sortedKeys)
    let at = operands.head(head, shape: shape)
    let start = max(shape.queryLength - pattern.blockSize, 0)
    for first in stride(from: start, to: shape.queryLength, by: ScoreBatch.rows) {
      let count = min(ScoreBatch.rows, shape.queryLength - first)
      multiply(
        at.query + first * shape.headDim, count: count, stride: shape.headDim,
        source.keys(at.keyValueIndex, operands), keys: sortedKeys, into: weights,
        scoreStride: sortedKeys)
      for index in 0..<count {
        let row = weights + index * sortedKeys
        let share = soften(row, count: sortedKeys)
        for key in 0..<sortedKeys { sums[key] += row[key] * share }
      }
    }
    let memory = UnsafeMutableBufferPointer(
      start: keys[worker].assumingMemoryBound(to: UInt64.self), count: pattern.segment)
    for first in stride(from: 0, to: sortedKeys, by: pattern.segment) {
      for index in 0..<pattern.segment {
        memory[index] = RankKeys.key(sums[first + index], index: first + index)
      }
      RankKeys.sort(memory)
      for index in 0..<pattern.segment {
        order[head * sortedKeys + first + index] = Int32(
          truncatingIfNeeded: memory[index] & 0xFFFF_FFFF)
      }
    }
    board.add(worker: worker, elementsSorted: sortedKeys, rowsGathered: 0)
  }

  private func pool(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, block) = unit.quotientAndRemainder(dividingBy: blockCount)
    let gathered = rows[worker].assumingMemoryBound(to: Float.self)
    let base = source.keys(operands.head(head, shape: shape).keyValueIndex, operands)
    let tokens = order + head * sortedKeys + block * pattern.blockSize
    for index in 0..<pattern.blockSize {
      (gathered + index * shape.headDim).update(
        from: base + Int(tokens[index]) * shape.headDim, count: shape.headDim)
    }
    kernels.pool_mean(
      gathered, shape.headDim, Int32(pattern.blockSize), Int32(shape.headDim),
      pooled.base + unit * shape.headDim)
  }

  private func choose(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, row) = unit.quotientAndRemainder(dividingBy: geometry.rowCount)
    let queries = geometry.queries(row: row)
    let visible = geometry.visibleKeys(place: queries.upperBound - 1)
    let own = min(queries.lowerBound / pattern.segment * pattern.segment, sortedKeys)
    let marks = marks[worker].assumingMemoryBound(to: UInt8.self)
    marks.update(repeating: 0, count: own)
    let past = own / pattern.blockSize
    if past > 0 {
      keep(head: head, queries: queries, past: past, marks, operands, worker: worker)
      board.add(worker: worker, elementsSorted: past, rowsGathered: 0)
    }
    let place = lists.place(list: head, row: row)
    var count = 0
    for key in 0..<visible where key >= own || marks[key] != 0 {
      place[count] = Int32(key)
      count += 1
    }
    lists.setCount(count, list: head, row: row)
  }

  /// Marks the keys of past blocks that hold enough of the softmax of mean products, and those of
  /// the block with the first token.
  private func keep(
    head: Int, queries: Range<Int>, past: Int, _ marks: UnsafeMutablePointer<UInt8>,
    _ operands: AttendOperands, worker: Int
  ) {
    let scores = scores[worker].assumingMemoryBound(to: Float.self)
    let mean = rows[worker].assumingMemoryBound(to: Float.self)
    kernels.pool_mean(
      operands.head(head, shape: shape).query + queries.lowerBound * shape.headDim, shape.headDim,
      Int32(queries.count), Int32(shape.headDim), mean)
    kernels.dot_rows(
      mean, pooled.base + head * blockCount * shape.headDim, shape.headDim, Int32(past),
      Int32(shape.headDim), scores)
    _ = kernels.soften(scores, Int32(past), Float(shape.softmaxScale))
    let memory = UnsafeMutableBufferPointer(
      start: keys[worker].assumingMemoryBound(to: UInt64.self), count: past)
    var total: UInt64 = 0
    for block in 0..<past {
      memory[block] = RankKeys.key(scores[block], index: block)
      total += RankKeys.weight(scores[block])
    }
    let rule = BlockRule(.mass(pattern.mass), forcedTakePlaces: false)
    let cut = RuleCut(rule: rule, places: 0, total: total, forced: 0).key(memory)
    let tokens = order + head * sortedKeys
    for block in 0..<past {
      let range = block * pattern.blockSize..<(block + 1) * pattern.blockSize
      var isKept = RankKeys.key(scores[block], index: block) <= cut
      for index in range where !isKept && tokens[index] == 0 { isKept = true }
      guard isKept else { continue }
      for index in range { marks[Int(tokens[index])] = 1 }
    }
  }
}
