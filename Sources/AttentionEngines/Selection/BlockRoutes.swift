// SPDX-License-Identifier: MIT

import AttentionCore

/// The queries that chose each past block: a counting sort of the selection, per head.
final class BlockRoutes: @unchecked Sendable {
  let blockCount: Int
  /// Routed queries of one head, block after block, ascending inside a block.
  private let queries: UnsafeMutablePointer<Int32>
  /// Where each routed query's partial row goes: `query * (topK - 1) + rank of the block`.
  private let places: UnsafeMutablePointer<Int32>
  /// Start of every block in the lists, `blockCount + 1` per head.
  private let starts: UnsafeMutablePointer<Int32>
  private let stage: AttendSelected
  private let shape: AttentionShape
  private let perHead: Int
  private let heads: Int

  init(_ stage: AttendSelected, shape: AttentionShape) {
    self.stage = stage
    self.shape = shape
    blockCount = stage.blockCount(shape: shape)
    heads = shape.batch * shape.queryHeads
    perHead = max(stage.routedRows(shape: shape), 1)
    queries = .allocate(capacity: heads * perHead)
    queries.initialize(repeating: -1, count: heads * perHead)
    places = .allocate(capacity: heads * perHead)
    places.initialize(repeating: -1, count: heads * perHead)
    starts = .allocate(capacity: heads * (blockCount + 1))
    starts.initialize(repeating: 0, count: heads * (blockCount + 1))
  }

  deinit {
    queries.deallocate()
    places.deallocate()
    starts.deallocate()
  }

  var bytes: Int { 4 * heads * (2 * perHead + blockCount + 1) }

  struct Route {
    let queries: UnsafePointer<Int32>
    let places: UnsafePointer<Int32>
    let count: Int
  }

  func route(head: Int, block: Int) -> Route {
    let start = starts + head * (blockCount + 1)
    let first = head * perHead + Int(start[block])
    return Route(
      queries: UnsafePointer(queries + first), places: UnsafePointer(places + first),
      count: Int(start[block + 1] - start[block]))
  }

  func collect(head: Int, chooser: BlockChooser) {
    let start = starts + head * (blockCount + 1)
    start.update(repeating: 0, count: blockCount + 1)
    forEachRoute(head: head, chooser: chooser) { block, _, _ in start[block + 1] += 1 }
    for block in 0..<blockCount { start[block + 1] += start[block] }
    // Filling moves each start to its block's end; the starts are shifted back afterwards.
    let base = head * perHead
    forEachRoute(head: head, chooser: chooser) { block, query, rank in
      let position = base + Int(start[block])
      queries[position] = Int32(query)
      places[position] = Int32(query * (stage.topK - 1) + rank)
      start[block] += 1
    }
    for block in Swift.stride(from: blockCount, to: 0, by: -1) { start[block] = start[block - 1] }
    start[0] = 0
  }

  private func forEachRoute(
    head: Int, chooser: BlockChooser, _ body: (_ block: Int, _ query: Int, _ rank: Int) -> Void
  ) {
    for query in 0..<shape.queryLength {
      let blocks = chooser.blocks(head: head, query: query)
      for rank in 0..<min(stage.topK - 1, query / stage.blockSize) {
        body(Int(blocks[rank]), query, rank)
      }
    }
  }
}
