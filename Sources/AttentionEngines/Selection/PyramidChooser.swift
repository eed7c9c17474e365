// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Ranks blocks by the largest weight among sampled tokens and gives each the resolution of its rank.
final class PyramidChooser: Chooser, BlockChooser, @unchecked Sendable {
  private let search: PyramidSearch
  private let rowPlaces: [RowPlaces]
  /// Sampled keys, ascending, and how many of them lie before every key.
  private let samples: [Int]
  private let samplesBefore: [Int]
  /// Sampled queries, and where those of every row unit begin.
  private let querySamples: [Int]
  private let queryStarts: [Int]
  /// Ranks at which the resolutions end, by the number of ranked blocks.
  private let levelEnds: [[Int]]
  /// Sampled keys `[batch * keyValueHeads, samples, headDim]`.
  private let keys: Tensor<Float>
  /// Per worker: a batch of queries, their weights, scores of blocks.
  private let scratch: Workspace
  private let ranks: Workspace

  init(
    _ stage: AttendSelected, search: PyramidSearch, shape: AttentionShape,
    setting: SelectionSetting
  ) {
    self.search = search
    let geometry = setting.geometry
    rowPlaces = RowPlaces.all(stage, geometry)
    samples = (0..<geometry.wholeBlocks).flatMap {
      PyramidSearch.sampled(search.keyOffsets, of: geometry.keys(block: $0))
    }
    let asked = Set(samples)
    samplesBefore = (0..<shape.keyLength).reduce(into: [0]) { counts, key in
      counts.append((counts.last ?? 0) + (asked.contains(key) ? 1 : 0))
    }
    let asks = (0..<geometry.rowCount).map {
      PyramidSearch.sampled(search.queryOffsets, of: geometry.queries(row: $0))
    }
    querySamples = asks.flatMap { $0 }
    queryStarts = asks.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
    levelEnds = (0...geometry.wholeBlocks).map { search.ranks($0) }
    keys = Tensor([shape.batch * shape.keyValueHeads, samples.count, shape.headDim])
    let workers = setting.context.pool.count
    let perBatch = ScoreBatch.rows * (shape.headDim + samples.count)
    scratch = Workspace(
      bytesPerWorker: 4 * (perBatch + geometry.wholeBlocks), workers: workers)
    ranks = Workspace(bytesPerWorker: 8 * geometry.wholeBlocks, workers: workers)
    super.init(shape: shape, setting: setting)
  }

  var bytes: Int { keys.byteCount + scratch.bytes + ranks.bytes + 8 * samples.count }

  var phases: [WorkerPool.Job] {
    [
      WorkerPool.Job(units: shape.batch * shape.keyValueHeads * geometry.wholeBlocks, body: gather),
      WorkerPool.Job(units: lists.lists * geometry.rowCount, body: choose),
    ]
  }

  private func gather(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, block) = unit.quotientAndRemainder(dividingBy: geometry.wholeBlocks)
    let range = geometry.keys(block: block)
    let from = source.keys(head, operands)
    for index in samplesBefore[range.lowerBound]..<samplesBefore[range.upperBound] {
      (keys.base + (head * samples.count + index) * shape.headDim).update(
        from: from + samples[index] * shape.headDim, count: shape.headDim)
    }
  }

  private func choose(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, row) = unit.quotientAndRemainder(dividingBy: geometry.rowCount)
    let places = rowPlaces[row]
    // Forced blocks, where there are any, are the last that a row unit sees.
    let free = Int(places.nearStart < places.nearEnd ? places.nearStart : places.visible)
    let place = lists.place(list: head, row: row)
    var count = 0
    if free > 0 {
      let best = scratch[worker].assumingMemoryBound(to: Float.self)
      best.update(repeating: 0, count: geometry.wholeBlocks)
      score(head: head, row: row, best, operands)
      count = rank(best, count: free, forced: places, worker: worker, into: place)
      board.add(worker: worker, elementsSorted: free, rowsGathered: 0)
    } else {
      for block in 0..<places.nearEnd {
        place[count] = block
        count += 1
      }
    }
    lists.setCount(count, list: head, row: row)
  }

  /// Raises the block scores to the largest softmax weights of the row unit's sampled queries.
  private func score(
    head: Int, row: Int, _ best: UnsafeMutablePointer<Float>, _ operands: AttendOperands
  ) {
    let queries = best + geometry.wholeBlocks
    let weights = queries + ScoreBatch.rows * shape.headDim
    let at = operands.head(head, shape: shape)
    let asked = queryStarts[row]..<queryStarts[row + 1]
    for first in stride(from: asked.lowerBound, to: asked.upperBound, by: ScoreBatch.rows) {
      let batch = first..<min(first + ScoreBatch.rows, asked.upperBound)
      for (index, sample) in batch.enumerated() {
        (queries + index * shape.headDim).update(
          from: at.query + querySamples[sample] * shape.headDim, count: shape.headDim)
      }
      multiply(
        queries, count: batch.count, stride: shape.headDim,
        keys.base + at.keyValueIndex * samples.count * shape.headDim,
        keys: seenSamples(querySamples[batch.upperBound - 1]), into: weights,
        scoreStride: samples.count)
      for (index, sample) in batch.enumerated() {
        let seen = seenSamples(querySamples[sample])
        let row = weights + index * samples.count
        let share = soften(row, count: seen)
        kernels.raise_blocks(row, Int32(seen), Int32(search.keyOffsets.count), share, best)
      }
    }
  }

  /// Sampled keys that a query sees, the first so many.
  private func seenSamples(_ query: Int) -> Int {
    samplesBefore[geometry.visibleKeys(place: query)]
  }

  /// Writes the blocks of every resolution, finest first, the forced ones among the whole.
  private func rank(
    _ best: UnsafePointer<Float>, count free: Int, forced: RowPlaces, worker: Int,
    into place: UnsafeMutablePointer<Int32>
  ) -> Int {
    let memory = UnsafeMutableBufferPointer(
      start: ranks[worker].assumingMemoryBound(to: UInt64.self), count: free)
    for block in 0..<free { memory[block] = RankKeys.key(best[block], index: block) }
    var count = 0
    var above: UInt64 = 0
    var before = 0
    for (level, end) in levelEnds[free].enumerated() {
      let cut = end == 0 ? 0 : end == free ? .max : RankKeys.cut(top: end, memory)
      if end > before {
        for block in 0..<free {
          let key = RankKeys.key(best[block], index: block)
          guard key > above || before == 0, key <= cut else { continue }
          place[count] = Int32(level * geometry.wholeBlocks + block)
          count += 1
        }
        (above, before) = (cut, end)
      }
      guard level == 0 else { continue }
      for block in forced.nearStart..<forced.nearEnd {
        place[count] = block
        count += 1
      }
    }
    return count
  }
}
