// SPDX-License-Identifier: MIT

import AttentionCore

/// Chosen blocks of every list head and row unit, ascending, in memory of their largest number.
final class SelectionLists: @unchecked Sendable {
  let rows: Int
  let capacity: Int
  let headsPerList: Int
  let lists: Int
  private let ids: UnsafeMutablePointer<Int32>
  private let counts: UnsafeMutablePointer<Int32>
  /// Scores of the chosen blocks, where attention weighs blocks by them.
  private let scores: UnsafeMutablePointer<Float>?

  init(_ stage: AttendSelected, shape: AttentionShape, geometry: SelectionGeometry) {
    rows = geometry.rowCount
    capacity = max(stage.capacity(geometry), 1)
    headsPerList = stage.headsPerList(shape: shape)
    lists = shape.batch * shape.queryHeads / headsPerList
    ids = .allocate(capacity: lists * rows * capacity)
    ids.initialize(repeating: -1, count: lists * rows * capacity)
    counts = .allocate(capacity: lists * rows)
    counts.initialize(repeating: 0, count: lists * rows)
    guard stage.scoresWeighBlocks else {
      scores = nil
      return
    }
    let scores = UnsafeMutablePointer<Float>.allocate(capacity: lists * rows * capacity)
    scores.initialize(repeating: .nan, count: lists * rows * capacity)
    self.scores = scores
  }

  deinit {
    ids.deallocate()
    counts.deallocate()
    scores?.deallocate()
  }

  var bytes: Int { 4 * lists * rows * ((keepsScores ? 2 : 1) * capacity + 1) }
  var keepsScores: Bool { scores != nil }

  /// What was chosen, for checks, with the heads' own orders where there are any.
  func selection(orders: HeadOrders?, leftOut: LeftOutBlocks?) -> Selection {
    var copy = [Int32](repeating: -1, count: lists * rows * capacity)
    for unit in 0..<lists * rows {
      for rank in 0..<Int(counts[unit]) {
        copy[unit * capacity + rank] = ids[unit * capacity + rank]
      }
    }
    return Selection(
      rows: rows, capacity: capacity, headsPerList: headsPerList, ids: copy,
      orders: orders.map { orders in (0..<lists).flatMap { orders.tokens(list: $0) } },
      leftOut: leftOut)
  }

  /// The blocks of one row unit of a query head, counted over the whole batch.
  func blocks(head: Int, row: Int) -> UnsafeBufferPointer<Int32> {
    let unit = head / headsPerList * rows + row
    return UnsafeBufferPointer(start: ids + unit * capacity, count: Int(counts[unit]))
  }

  /// Where the list of one row unit is written.
  func place(list: Int, row: Int) -> UnsafeMutablePointer<Int32> {
    ids + (list * rows + row) * capacity
  }

  /// Scores of the blocks of one row unit, nil where nobody asks for them; those of forced blocks
  /// are not set.
  func scores(head: Int, row: Int) -> UnsafeMutablePointer<Float>? {
    scores.map { $0 + (head / headsPerList * rows + row) * capacity }
  }

  func setCount(_ count: Int, list: Int, row: Int) {
    counts[list * rows + row] = Int32(count)
  }
}

/// The tensors of the run at hand, where phases find them.
final class CurrentOperands: @unchecked Sendable {
  var value: AttendOperands?
}

/// Fills lists by looking at queries and keys.
protocol BlockChooser: AnyObject, Sendable {
  var bytes: Int { get }
  /// In the order in which they must run.
  var phases: [WorkerPool.Job] { get }
}
