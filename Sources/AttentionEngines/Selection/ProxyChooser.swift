// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Chooses blocks by the attention of mean heads, as many as every head needs for its last queries.
final class ProxyChooser: BlockChooser, @unchecked Sendable {
  private let pattern: ProxyHeads
  private let stage: AttendSelected
  private let shape: AttentionShape
  private let geometry: SelectionGeometry
  private let lists: SelectionLists
  private let kernels: attn_select_kernels_t
  private let source: KeyValueSource
  private let current: CurrentOperands
  private let board: CountBoard
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
  /// Per worker: a row of weights and block sums; keys.
  private let weights: Workspace
  private let ranks: Workspace

  init(
    _ stage: AttendSelected, pattern: ProxyHeads, shape: AttentionShape, setting: SelectionSetting
  ) {
    self.pattern = pattern
    self.stage = stage
    self.shape = shape
    geometry = setting.geometry
    lists = setting.lists
    source = setting.source
    current = setting.current
    board = setting.board
    kernels = setting.context.kernels.select
    rowPlaces = RowPlaces.all(stage, setting.geometry)
    heads = shape.batch * shape.queryHeads
    proxies = heads / pattern.headsPerProxy
    queries = Tensor([proxies, shape.queryLength, shape.headDim])
    keys = Tensor([proxies, shape.keyLength, shape.headDim])
    scores = Tensor([proxies, setting.geometry.rowCount, setting.geometry.blockCount])
    needed = .allocate(capacity: heads)
    needed.initialize(repeating: 0, count: heads)
    let workers = setting.context.pool.count
    weights = Workspace(
      bytesPerWorker: 4 * (shape.keyLength + setting.geometry.blockCount), workers: workers)
    ranks = Workspace(bytesPerWorker: 8 * setting.geometry.blockCount, workers: workers)
  }

  deinit {
    needed.deallocate()
  }

  var bytes: Int {
    queries.byteCount + keys.byteCount + scores.byteCount + 4 * heads + weights.bytes
      + ranks.bytes
  }

  var phases: [SelectionPhase] {
    [
      SelectionPhase(units: proxies * tokenUnits, body: average),
      SelectionPhase(units: proxies * geometry.rowCount, body: score),
      SelectionPhase(units: heads, body: measure),
      SelectionPhase(units: heads * geometry.rowCount, body: choose),
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

  /// Softmax weights of one query over the keys it sees; returns their number.
  private func softmax(
    _ query: UnsafePointer<Float>, _ keys: UnsafePointer<Float>, token: Int,
    _ row: UnsafeMutablePointer<Float>
  ) -> Int {
    let visible = geometry.visibleKeys(place: token)
    kernels.dot_rows(
      query, keys, shape.headDim, Int32(visible), Int32(shape.headDim), row)
    kernels.soften(row, Int32(visible), Float(shape.softmaxScale))
    var sum = Float(0)
    for key in 0..<visible { sum += row[key] }
    let share = 1 / sum
    for key in 0..<visible { row[key] *= share }
    return visible
  }

  private func score(worker: Int, unit: Int) {
    let (proxy, row) = unit.quotientAndRemainder(dividingBy: geometry.rowCount)
    let weights = weights[worker].assumingMemoryBound(to: Float.self)
    let best = scores.base + unit * geometry.blockCount
    best.update(repeating: 0, count: geometry.blockCount)
    let range = geometry.queries(row: row)
    // The queries of `pattern.sampled`, without the array.
    for token in range
    where (token - range.lowerBound) % pattern.queryStride == pattern.queryStride - 1
      || token == range.upperBound - 1
    {
      let visible = softmax(
        queries.base + (proxy * shape.queryLength + token) * shape.headDim,
        keys.base + proxy * shape.keyLength * shape.headDim, token: token, weights)
      for block in 0..<geometry.visibleBlocks(row: row) {
        for key in geometry.keys(block: block).clamped(to: 0..<visible) {
          best[block] = max(best[block], weights[key])
        }
      }
    }
  }

  /// Counts the blocks of one head that hold the mass of its last row unit.
  private func measure(worker: Int, head: Int) {
    guard let operands = current.value else { return }
    let row = weights[worker].assumingMemoryBound(to: Float.self)
    let sums = row + shape.keyLength
    sums.update(repeating: 0, count: geometry.blockCount)
    let at = operands.head(head, shape: shape)
    let last = geometry.queries(row: geometry.rowCount - 1)
    let share = 1 / Float(last.count)
    for token in last {
      let visible = softmax(
        at.query + token * shape.headDim, source.keys(at.keyValueIndex, operands), token: token,
        row)
      for block in 0..<geometry.blockCount {
        var sum = Float(0)
        for key in geometry.keys(block: block).clamped(to: 0..<visible) { sum += row[key] }
        sums[block] += sum * share
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
