// SPDX-License-Identifier: MIT

import AttentionCore

/// The order of the grid's axes that every key-value head was given in the run at hand.
final class HeadOrders: @unchecked Sendable {
  /// Token at every place, order by order.
  let tables: [[Int32]]
  private let shape: AttentionShape
  private let chosen: UnsafeMutablePointer<Int32>
  private let heads: Int

  init(shape: AttentionShape) {
    self.shape = shape
    let grid = shape.grid ?? [shape.keyLength]
    tables = AxisOrderSearch.orders(rank: grid.rank).map {
      AxisOrderSearch.tokens(grid: grid, axes: $0)
    }
    heads = shape.batch * shape.keyValueHeads
    chosen = .allocate(capacity: heads)
    chosen.initialize(repeating: 0, count: heads)
  }

  deinit {
    chosen.deallocate()
  }

  var bytes: Int { 4 * (heads + tables.count * shape.keyLength) }

  func choose(_ order: Int, keyValueHead: Int) { chosen[keyValueHead] = Int32(order) }

  func index(keyValueHead: Int) -> Int { Int(chosen[keyValueHead]) }

  func tokens(keyValueHead: Int) -> [Int32] { tables[Int(chosen[keyValueHead])] }

  /// The order of a query head, counted over the whole batch.
  func tokens(list head: Int) -> [Int32] { tables[Int(chosen[keyValueHead(head)])] }

  func token(head: Int, place: Int) -> Int {
    Int(tables[Int(chosen[keyValueHead(head)])][place])
  }

  /// Key-value head of a query head, both counted over the whole batch.
  func keyValueHead(_ head: Int) -> Int {
    let (batch, queryHead) = head.quotientAndRemainder(dividingBy: shape.queryHeads)
    return batch * shape.keyValueHeads + queryHead / shape.headGroup
  }
}
