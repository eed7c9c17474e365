// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Gives every key-value head the order of the grid's axes with the most empty blocks, and every
/// head the blocks that weigh most in that order.
///
/// A map of blocks is made of the softmax rows of one query per row unit, that in its middle.
final class AxisOrderChooser: Chooser, BlockChooser, @unchecked Sendable {
  private let search: AxisOrderSearch
  private let rule: BlockRule
  private let orders: HeadOrders
  private let rowPlaces: [RowPlaces]
  /// Block of every token, order by order.
  private let blockOfToken: [[Int32]]
  /// Sums of weights `[batch * queryHeads, orders, rows, blocks]`.
  private let maps: Tensor<Float>
  /// Per worker: a batch of queries, their weights, and sums by block, row beside row.
  private let scratch: Workspace
  private let keys: Workspace

  init(
    _ stage: AttendSelected, search: AxisOrderSearch, shape: AttentionShape,
    setting: SelectionSetting
  ) {
    self.search = search
    rule = stage.rule
    let orders = setting.orders ?? HeadOrders(shape: shape)
    self.orders = orders
    let geometry = setting.geometry
    rowPlaces = RowPlaces.all(stage, geometry)
    let size = geometry.blockStarts[1]
    blockOfToken = orders.tables.map { tokens in
      var blocks = [Int32](repeating: 0, count: tokens.count)
      for (place, token) in tokens.enumerated() { blocks[Int(token)] = Int32(place / size) }
      return blocks
    }
    maps = Tensor([
      shape.batch * shape.queryHeads, orders.tables.count, geometry.rowCount, geometry.blockCount,
    ])
    let workers = setting.context.pool.count
    scratch = Workspace(
      bytesPerWorker: 4 * ScoreBatch.rows
        * (shape.headDim + ScoreBatch.stride(shape.keyLength) + geometry.blockCount),
      workers: workers)
    keys = Workspace(
      bytesPerWorker: 8 * geometry.rowCount * geometry.blockCount, workers: workers)
    super.init(shape: shape, setting: setting)
  }

  var bytes: Int { maps.byteCount + scratch.bytes + keys.bytes }

  var phases: [WorkerPool.Job] {
    [
      WorkerPool.Job(units: lists.lists * orders.tables.count, body: map),
      WorkerPool.Job(units: shape.batch * shape.keyValueHeads, body: order),
      WorkerPool.Job(units: lists.lists, body: choose),
    ]
  }

  private var mapSize: Int { geometry.rowCount * geometry.blockCount }

  private func mapBase(head: Int, order: Int) -> UnsafeMutablePointer<Float> {
    maps.base + (head * orders.tables.count + order) * mapSize
  }

  private func map(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, order) = unit.quotientAndRemainder(dividingBy: orders.tables.count)
    let at = operands.head(head, shape: shape)
    let queries = scratch[worker].assumingMemoryBound(to: Float.self)
    let weights = queries + ScoreBatch.rows * shape.headDim
    let step = ScoreBatch.stride(shape.keyLength)
    let sums = mapBase(head: head, order: order)
    for first in stride(from: 0, to: geometry.rowCount, by: ScoreBatch.rows) {
      let batch = first..<min(first + ScoreBatch.rows, geometry.rowCount)
      for (index, row) in batch.enumerated() {
        let places = geometry.queries(row: row)
        let token = orders.tables[order][places.lowerBound + places.count / 2]
        (queries + index * shape.headDim).update(
          from: at.query + Int(token) * shape.headDim, count: shape.headDim)
      }
      multiply(
        queries, count: batch.count, stride: shape.headDim, at.key, keys: shape.keyLength,
        into: weights, scoreStride: step)
      add(
        weights, stride: step, rows: batch.count, order: order,
        to: sums + batch.lowerBound * geometry.blockCount)
    }
  }

  /// Adds softmax weights to the blocks of their tokens.
  private func add(
    _ weights: UnsafeMutablePointer<Float>, stride: Int, rows: Int, order: Int,
    to sums: UnsafeMutablePointer<Float>
  ) {
    let byBlock = weights + ScoreBatch.rows * stride
    byBlock.update(repeating: 0, count: ScoreBatch.rows * geometry.blockCount)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: ScoreBatch.rows) { shares in
      for row in 0..<rows { shares[row] = soften(weights + row * stride, count: shape.keyLength) }
      blockOfToken[order].withUnsafeBufferPointer { blocks in
        kernels.add_to_blocks(
          weights, stride, Int32(rows), Int32(shape.keyLength), blocks.baseAddress, byBlock)
      }
      for row in 0..<rows {
        for block in 0..<geometry.blockCount {
          sums[row * geometry.blockCount + block] =
            byBlock[ScoreBatch.rows * block + row] * shares[row]
        }
      }
    }
  }

  /// The order in which the maps of a group's heads have the most nearly empty blocks.
  private func order(worker: Int, keyValueHead: Int) {
    let (batch, group) = keyValueHead.quotientAndRemainder(dividingBy: shape.keyValueHeads)
    let first = batch * shape.queryHeads + group * shape.headGroup
    var best = -1
    for order in orders.tables.indices {
      var empty = 0
      for head in first..<first + shape.headGroup {
        let sums = mapBase(head: head, order: order)
        for block in 0..<geometry.blockCount {
          let least =
            Float(search.negligible) * Float(geometry.keys(block: block).count)
            / Float(shape.keyLength)
          for row in 0..<geometry.rowCount
          where sums[row * geometry.blockCount + block] < least { empty += 1 }
        }
      }
      guard empty > best else { continue }
      best = empty
      orders.choose(order, keyValueHead: keyValueHead)
    }
  }

  private func choose(worker: Int, head: Int) {
    let sums = mapBase(head: head, order: orders.index(keyValueHead: orders.keyValueHead(head)))
    let memory = keys[worker].assumingMemoryBound(to: UInt64.self)
    var count = 0
    for row in 0..<geometry.rowCount {
      for block in 0..<geometry.blockCount where !isForced(row: row, block) {
        let index = row * geometry.blockCount + block
        memory[count] = RankKeys.key(sums[index], index: index)
        count += 1
      }
    }
    let places = mapSize - count
    let cut =
      count == 0
      ? 0
      : RuleCut(rule: rule, places: places, total: 0, forced: 0).key(
        UnsafeMutableBufferPointer(start: memory, count: count))
    for row in 0..<geometry.rowCount {
      let place = lists.place(list: head, row: row)
      var kept = 0
      for block in 0..<geometry.blockCount {
        let index = row * geometry.blockCount + block
        guard isForced(row: row, block) || RankKeys.key(sums[index], index: index) <= cut
        else { continue }
        place[kept] = Int32(block)
        kept += 1
      }
      lists.setCount(kept, list: head, row: row)
    }
    board.add(worker: worker, elementsSorted: count, rowsGathered: 0)
  }

  private func isForced(row: Int, _ block: Int) -> Bool {
    (rowPlaces[row].nearStart..<rowPlaces[row].nearEnd).contains(Int32(block))
  }
}
