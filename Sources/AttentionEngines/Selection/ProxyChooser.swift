// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Chooses blocks by the attention of mean heads, as many as every head needs for its last queries.
final class ProxyChooser: Chooser, BlockChooser, @unchecked Sendable {
  private let pattern: ProxyHeads
  private let stage: AttendSelected
  private let rowPlaces: [RowPlaces]
  private let heads: Int
  private let proxies: Int
  /// Mean queries and keys `[proxies, length, headDim]`.
  private let queries: Tensor<Float>
  private let keys: Tensor<Float>
  /// Largest weight of every block `[proxies, rows, blocks]`.
  private let scores: Tensor<Float>
  /// Blocks that hold the mass of the last row unit, per head.
  private let needed: UnsafeMutablePointer<Int32>
  /// Per worker: a batch of rows of weights and block sums; keys.
  private let weights: Workspace
  private let ranks: Workspace
  /// Keys whose scores are computed at a time, whole blocks.
  private let segmentKeys: Int
  private let segments: Int
  /// Sixteen rows of as many scores fill a quarter of a second cache of 1 MiB.
  private static let keysPerSegment = 4096

  init(
    _ stage: AttendSelected, pattern: ProxyHeads, shape: AttentionShape, setting: SelectionSetting
  ) {
    self.pattern = pattern
    self.stage = stage
    rowPlaces = RowPlaces.all(stage, setting.geometry)
    heads = shape.batch * shape.queryHeads
    proxies = heads / pattern.headsPerProxy
    queries = Tensor([proxies, shape.queryLength, shape.headDim])
    keys = Tensor([proxies, shape.keyLength, shape.headDim])
    scores = Tensor([proxies, setting.geometry.rowCount, setting.geometry.blockCount])
    needed = .allocate(capacity: heads)
    needed.initialize(repeating: 0, count: heads)
    let workers = setting.context.pool.count
    let size = setting.geometry.blockStarts[1]
    segmentKeys = min(max(Self.keysPerSegment / size, 1) * size, shape.keyLength)
    segments = (shape.keyLength + segmentKeys - 1) / segmentKeys
    weights = Workspace(
      bytesPerWorker: 4
        * max(
          ScoreBatch.rows * ScoreBatch.stride(shape.keyLength) + setting.geometry.blockCount,
          ScoreBatch.rows
            * (ScoreBatch.stride(segmentKeys) + setting.geometry.blockCount + 2 * segments)),
      workers: workers)
    ranks = Workspace(bytesPerWorker: 8 * setting.geometry.blockCount, workers: workers)
    super.init(shape: shape, setting: setting)
  }

  deinit {
    needed.deallocate()
  }

  var bytes: Int {
    queries.byteCount + keys.byteCount + scores.byteCount + 4 * heads + weights.bytes
      + ranks.bytes
  }

  var phases: [WorkerPool.Job] {
    [
      WorkerPool.Job(units: proxies * tokenUnits, body: average),
      WorkerPool.Job(units: proxies * geometry.rowCount, body: score),
      WorkerPool.Job(units: heads, body: measure),
      WorkerPool.Job(units: heads * geometry.rowCount, body: choose),
    ]
  }

  private static let tokensPerUnit = 256
  private var tokenUnits: Int { (shape.keyLength + Self.tokensPerUnit - 1) / Self.tokensPerUnit }

  private func average(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (proxy, part) = unit.quotientAndRemainder(dividingBy: tokenUnits)
    let width = shape.headDim
    let first = part * Self.tokensPerUnit
    let count = min(Self.tokensPerUnit, shape.keyLength - first) * width
    let query = queries.base + (proxy * shape.queryLength + first) * width
    let key = keys.base + (proxy * shape.keyLength + first) * width
    query.update(repeating: 0, count: count)
    key.update(repeating: 0, count: count)
    for index in 0..<pattern.headsPerProxy {
      let at = operands.head(proxy * pattern.headsPerProxy + index, shape: shape)
      let (from, other) = (at.query + first * width, at.key + first * width)
      for element in 0..<count {
        query[element] += from[element]
        key[element] += other[element]
      }
    }
    let share = 1 / Float(pattern.headsPerProxy)
    for element in 0..<count {
      query[element] *= share
      key[element] *= share
    }
  }

  private func score(worker: Int, unit: Int) {
    let (proxy, row) = unit.quotientAndRemainder(dividingBy: geometry.rowCount)
    let best = scores.base + unit * geometry.blockCount
    best.update(repeating: 0, count: geometry.blockCount)
    let range = geometry.queries(row: row)
    let step = pattern.queryStride
    let regular = range.count / step
    // The queries of `pattern.sampled`, without the array.
    for first in stride(from: 0, to: regular, by: ScoreBatch.rows) {
      score(
        proxy, first: range.lowerBound + first * step + step - 1,
        count: min(ScoreBatch.rows, regular - first), best, worker: worker)
    }
    guard !range.count.isMultiple(of: step) else { return }
    score(proxy, first: range.upperBound - 1, count: 1, best, worker: worker)
  }

  /// Raises the block scores to the largest weights of `count` queries, one in every stride.
  ///
  /// Keys come in segments whose scores stay in the second cache. The exponentials of a segment are
  /// only summed; of every block just the largest score becomes a weight, once the row is known.
  private func score(
    _ proxy: Int, first: Int, count: Int, _ best: UnsafeMutablePointer<Float>, worker: Int
  ) {
    let scores = weights[worker].assumingMemoryBound(to: Float.self)
    let rows = segmentRows(scores)
    rows.largest.update(repeating: -.infinity, count: count * geometry.blockCount)
    rows.sums.update(repeating: 0, count: count * segments)
    rows.tops.update(repeating: -.infinity, count: count * segments)
    let last = geometry.visibleKeys(place: first + (count - 1) * pattern.queryStride)
    for segment in 0..<(last + segmentKeys - 1) / segmentKeys {
      let start = segment * segmentKeys
      multiply(
        queries.base + (proxy * shape.queryLength + first) * shape.headDim, count: count,
        stride: pattern.queryStride * shape.headDim,
        keys.base + (proxy * shape.keyLength + start) * shape.headDim,
        keys: min(segmentKeys, last - start), into: scores,
        scoreStride: ScoreBatch.stride(segmentKeys))
      for index in 0..<count {
        add(
          scores + index * ScoreBatch.stride(segmentKeys), row: index, segment: segment,
          seen: geometry.visibleKeys(place: first + index * pattern.queryStride) - start, rows)
      }
    }
    for index in 0..<count {
      let visible = geometry.visibleKeys(place: first + index * pattern.queryStride)
      raise(best, row: index, visible: visible, rows)
    }
  }

  /// What is known of a batch of rows: the largest score of every block, and of every segment the
  /// largest score and the sum of the exponentials under it.
  private struct SegmentRows {
    let largest, tops, sums: UnsafeMutablePointer<Float>
  }

  private func segmentRows(_ scores: UnsafeMutablePointer<Float>) -> SegmentRows {
    let largest = scores + ScoreBatch.rows * ScoreBatch.stride(segmentKeys)
    let tops = largest + ScoreBatch.rows * geometry.blockCount
    return SegmentRows(largest: largest, tops: tops, sums: tops + ScoreBatch.rows * segments)
  }

  /// Adds the scores of one row's keys in a segment, of which the row sees the first `seen`.
  private func add(
    _ scores: UnsafeMutablePointer<Float>, row: Int, segment: Int, seen: Int, _ rows: SegmentRows
  ) {
    let count = min(seen, segmentKeys)
    guard count > 0 else { return }
    let size = geometry.blockStarts[1]
    let largest = rows.largest + row * geometry.blockCount + segment * segmentKeys / size
    kernels.raise_blocks(scores, Int32(count), Int32(size), 1, largest)
    var top = -Float.infinity
    for block in 0..<(count + size - 1) / size { top = max(top, largest[block]) }
    rows.tops[row * segments + segment] = top
    rows.sums[row * segments + segment] = kernels.soften(
      scores, Int32(count), Float(shape.softmaxScale))
  }

  /// Raises block scores to the weights of one finished row, its first `visible` keys.
  private func raise(
    _ best: UnsafeMutablePointer<Float>, row: Int, visible: Int, _ rows: SegmentRows
  ) {
    guard visible > 0 else { return }
    let tops = rows.tops + row * segments
    let sums = rows.sums + row * segments
    let seen = (visible + segmentKeys - 1) / segmentKeys
    _ = soften(tops, count: seen)
    var sum = Float(0)
    for segment in 0..<seen { sum += sums[segment] * tops[segment] }
    let size = geometry.blockStarts[1]
    let blocks = (visible + size - 1) / size
    let largest = rows.largest + row * geometry.blockCount
    _ = soften(largest, count: blocks)
    kernels.raise_blocks(largest, Int32(blocks), 1, 1 / sum, best)
  }

  /// Counts the blocks of one head that hold the mass of its last row unit.
  private func measure(worker: Int, head: Int) {
    guard let operands = current.value else { return }
    let rows = weights[worker].assumingMemoryBound(to: Float.self)
    let step = ScoreBatch.stride(shape.keyLength)
    let sums = rows + ScoreBatch.rows * step
    sums.update(repeating: 0, count: geometry.blockCount)
    let at = operands.head(head, shape: shape)
    let last = geometry.queries(row: geometry.rowCount - 1)
    for first in stride(from: last.lowerBound, to: last.upperBound, by: ScoreBatch.rows) {
      let batch = first..<min(first + ScoreBatch.rows, last.upperBound)
      multiply(
        at.query + first * shape.headDim, count: batch.count, stride: shape.headDim,
        source.keys(at.keyValueIndex, operands),
        keys: geometry.visibleKeys(place: batch.upperBound - 1), into: rows,
        scoreStride: step)
      for (index, token) in batch.enumerated() {
        let visible = geometry.visibleKeys(place: token)
        let row = rows + index * step
        let share = soften(row, count: visible) / Float(last.count)
        for block in 0..<geometry.blockCount {
          var sum = Float(0)
          for key in geometry.keys(block: block).clamped(to: 0..<visible) { sum += row[key] }
          sums[block] += sum * share
        }
      }
    }
    let memory = UnsafeMutableBufferPointer(
      start: ranks[worker].assumingMemoryBound(to: UInt64.self), count: geometry.blockCount)
    var total: UInt64 = 0
    for block in 0..<geometry.blockCount {
      memory[block] = RankKeys.key(sums[block], index: block)
      total += RankKeys.weight(sums[block])
    }
    let rule = BlockRule(.mass(pattern.mass), forcedTakePlaces: false)
    let cut = RuleCut(rule: rule, places: 0, total: total, forced: 0).key(memory)
    var count = 0
    for block in 0..<geometry.blockCount
    where RankKeys.key(sums[block], index: block) <= cut { count += 1 }
    needed[head] = Int32(count)
    board.add(worker: worker, elementsSorted: geometry.blockCount, rowsGathered: 0)
  }

  private func choose(worker: Int, unit: Int) {
    let (head, row) = unit.quotientAndRemainder(dividingBy: geometry.rowCount)
    let visible = geometry.visibleBlocks(row: row)
    let scores =
      scores.base
      + (head / pattern.headsPerProxy * geometry.rowCount + row) * geometry.blockCount
    let memory = UnsafeMutableBufferPointer(
      start: ranks[worker].assumingMemoryBound(to: UInt64.self), count: visible)
    for block in 0..<visible { memory[block] = RankKeys.key(scores[block], index: block) }
    let budget = pattern.budget(
      needed: Int(needed[head]), blocks: geometry.blockCount, visible: visible)
    let cut = budget >= visible ? .max : RankKeys.cut(top: max(budget, 1), memory)
    let places = rowPlaces[row]
    let place = lists.place(list: head, row: row)
    var count = 0
    for block in 0..<visible {
      let isForced =
        block < Int(places.firstEnd) || (Int(places.nearStart)..<Int(places.nearEnd)) ~= block
      guard isForced || RankKeys.key(scores[block], index: block) <= cut else { continue }
      place[count] = Int32(block)
      count += 1
    }
    lists.setCount(count, list: head, row: row)
    board.add(worker: worker, elementsSorted: visible, rowsGathered: 0)
  }
}
