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
    let last = last.head(head)
    let routed = routed.head(head)
    let rowStarts = geometry.rowStarts
    let order = geometry.order
    last.start()
    routed.start()
    for row in 0..<geometry.rowCount {
      let blocks = lists.blocks(head: head, row: row)
      let queries = rowStarts[row + 1] - rowStarts[row]
      guard let lastBlock = blocks.last else { continue }
      last.reserve(block: Int(lastBlock), queries)
      for rank in 0..<blocks.count - 1 { routed.reserve(block: Int(blocks[rank]), queries) }
    }
    last.open()
    routed.open()
    for row in 0..<geometry.rowCount {
      let blocks = lists.blocks(head: head, row: row)
      guard let lastBlock = blocks.last else { continue }
      for place in rowStarts[row]..<rowStarts[row + 1] {
        let token = if let order { order[place] } else { Int32(place) }
        last.add(block: Int(lastBlock), query: token, output: token, place: place)
        for rank in 0..<blocks.count - 1 {
          routed.add(
            block: Int(blocks[rank]), query: token, output: Int32(place * ranks + rank),
            place: place)
        }
      }
    }
    last.close()
    routed.close()
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
  ///
  /// Workers sort a head each and count every query: on one cache line the counts of two heads took
  /// seven times as long.
  private let starts: Workspace

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
    starts = Workspace(bytesPerWorker: 4 * (blocks + 1), workers: heads)
    for head in 0..<heads { self.head(head).start() }
  }

  deinit {
    queries.deallocate()
    outputs.deallocate()
    places.deallocate()
  }

  var bytes: Int { 12 * heads * perHead + starts.bytes }

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
    let start = self.head(head).starts
    let first = head * perHead + Int(start[block])
    return Route(
      queries: UnsafePointer(queries + first), outputs: UnsafePointer(outputs + first),
      places: UnsafePointer(places + first), count: Int(start[block + 1] - start[block]))
  }

  func head(_ head: Int) -> Head {
    Head(
      blocks: blocks, queries: queries + head * perHead, outputs: outputs + head * perHead,
      places: places + head * perHead, starts: starts[head].assumingMemoryBound(to: Int32.self))
  }

  /// The lists of one head while they are filled: reserve, open, add, close.
  struct Head {
    fileprivate let blocks: Int
    fileprivate let queries, outputs, places, starts: UnsafeMutablePointer<Int32>

    func start() { starts.update(repeating: 0, count: blocks + 1) }

    func reserve(block: Int, _ count: Int) { starts[block + 1] += Int32(count) }

    func open() {
      for block in 0..<blocks { starts[block + 1] += starts[block] }
    }

    /// Filling moves each start to its block's end; ``close()`` shifts them back.
    func add(block: Int, query: Int32, output: Int32, place: Int) {
      let position = Int(starts[block])
      queries[position] = query
      outputs[position] = output
      places[position] = Int32(place)
      starts[block] += 1
    }

    func close() {
      for block in Swift.stride(from: blocks, to: 0, by: -1) { starts[block] = starts[block - 1] }
      starts[0] = 0
    }
  }
}
