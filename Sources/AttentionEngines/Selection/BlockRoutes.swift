// SPDX-License-Identifier: MIT

import AttentionCore

/// The queries that chose each block: a counting sort of the selection, per head.
///
/// A query's last block writes its output row, every other one a partial row.
final class BlockRoutes: @unchecked Sendable {
  let blockCount: Int
  private let geometry: SelectionGeometry
  private let shape: AttentionShape
  private let last: RouteTable
  private let routed: RouteTable
  /// Partial rows per query.
  let ranks: Int

  init(geometry: SelectionGeometry, lists: SelectionLists, shape: AttentionShape) {
    self.geometry = geometry
    self.shape = shape
    blockCount = geometry.blockCount
    ranks = lists.capacity - 1
    let heads = shape.batch * shape.queryHeads
    last = RouteTable(heads: heads, blocks: blockCount, perHead: shape.queryLength)
    routed = RouteTable(heads: heads, blocks: blockCount, perHead: shape.queryLength * ranks)
  }

  var bytes: Int { last.bytes + routed.bytes }

  /// Places of the queries whose last chosen block this is, ascending.
  func lastRoute(head: Int, block: Int) -> RouteTable.Route { last.route(head: head, block: block) }

  /// Places of the other queries that chose the block, ascending.
  func route(head: Int, block: Int) -> RouteTable.Route { routed.route(head: head, block: block) }

  func collect(head: Int, lists: SelectionLists) {
    last.start(head: head)
    routed.start(head: head)
    for row in 0..<geometry.rowCount {
      let blocks = lists.blocks(head: head, row: row)
      let queries = geometry.rowStarts[row + 1] - geometry.rowStarts[row]
      for rank in 0..<blocks.count {
        let table = rank == blocks.count - 1 ? last : routed
        table.reserve(head: head, block: Int(blocks[rank]), queries)
      }
    }
    last.open(head: head)
    routed.open(head: head)
    for row in 0..<geometry.rowCount {
      let blocks = lists.blocks(head: head, row: row)
      for place in geometry.rowStarts[row]..<geometry.rowStarts[row + 1] {
        let token = geometry.order.map { $0[place] } ?? Int32(place)
        for rank in 0..<blocks.count {
          if rank == blocks.count - 1 {
            last.add(
              head: head, block: Int(blocks[rank]), query: token, output: token, place: place)
          } else {
            routed.add(
              head: head, block: Int(blocks[rank]), query: token,
              output: Int32(place * ranks + rank), place: place)
          }
        }
      }
    }
    last.close(head: head)
    routed.close(head: head)
  }
}

/// Rows per block of one head, block after block.
final class RouteTable: @unchecked Sendable {
  private let blocks: Int
  private let perHead: Int
  private let heads: Int
  private let queries: UnsafeMutablePointer<Int32>
  private let outputs: UnsafeMutablePointer<Int32>
  private let places: UnsafeMutablePointer<Int32>
  /// Start of every block in the lists, `blocks + 1` per head.
  private let starts: UnsafeMutablePointer<Int32>

  init(heads: Int, blocks: Int, perHead: Int) {
    self.blocks = blocks
    self.perHead = max(perHead, 1)
    self.heads = heads
    let count = heads * self.perHead
    queries = .allocate(capacity: count)
    queries.initialize(repeating: -1, count: count)
    outputs = .allocate(capacity: count)
    outputs.initialize(repeating: -1, count: count)
    places = .allocate(capacity: count)
    places.initialize(repeating: -1, count: count)
    starts = .allocate(capacity: heads * (blocks + 1))
    starts.initialize(repeating: 0, count: heads * (blocks + 1))
  }

  deinit {
    queries.deallocate()
    outputs.deallocate()
    places.deallocate()
    starts.deallocate()
  }

  var bytes: Int { 4 * heads * (3 * perHead + blocks + 1) }

  struct Route {
    /// Tokens whose queries are read.
    let queries: UnsafePointer<Int32>
    /// Rows that are written.
    let outputs: UnsafePointer<Int32>
    /// Places of the queries, which tell what they see.
    let places: UnsafePointer<Int32>
    let count: Int
  }

  func route(head: Int, block: Int) -> Route {
    let start = starts + head * (blocks + 1)
    let first = head * perHead + Int(start[block])
    return Route(
      queries: UnsafePointer(queries + first), outputs: UnsafePointer(outputs + first),
      places: UnsafePointer(places + first), count: Int(start[block + 1] - start[block]))
  }

  func start(head: Int) {
    (starts + head * (blocks + 1)).update(repeating: 0, count: blocks + 1)
  }

  func reserve(head: Int, block: Int, _ count: Int) {
    starts[head * (blocks + 1) + block + 1] += Int32(count)
  }

  func open(head: Int) {
    let start = starts + head * (blocks + 1)
    for block in 0..<blocks { start[block + 1] += start[block] }
  }

  /// Filling moves each start to its block's end; ``close(head:)`` shifts them back.
  func add(head: Int, block: Int, query: Int32, output: Int32, place: Int) {
    let start = starts + head * (blocks + 1)
    let position = head * perHead + Int(start[block])
    queries[position] = query
    outputs[position] = output
    places[position] = Int32(place)
    start[block] += 1
  }

  func close(head: Int) {
    let start = starts + head * (blocks + 1)
    for block in Swift.stride(from: blocks, to: 0, by: -1) { start[block] = start[block - 1] }
    start[0] = 0
  }
}
