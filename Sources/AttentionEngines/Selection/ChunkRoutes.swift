// SPDX-License-Identifier: MIT

import AttentionCore

/// The rows of a chunk of queries, block after block, in memory of one worker.
struct ChunkRoutes {
  /// Where the rows of every block begin; their number at last.
  let begins: UnsafeMutablePointer<Int32>
  /// Places of the queries, which tell what they see.
  let places: UnsafeMutablePointer<Int32>
  /// Rows of queries and outputs, counted from the first head's.
  let rows: UnsafeMutablePointer<Int32>
  /// What the blocks weigh for the rows, where that is known.
  let weights: UnsafeMutablePointer<Float>?
}

/// Sorts the choices of a chunk by block.
final class ChunkRouter: @unchecked Sendable {
  private let shape: AttentionShape
  private let geometry: SelectionGeometry
  private let lists: SelectionLists
  private let heads: Int
  private let mostRoutes: Int
  private let routes: Workspace

  /// `heads` rows of every query lie side by side.
  init(
    _ stage: AttendSelected, shape: AttentionShape, setting: SelectionSetting, heads: Int
  ) {
    self.shape = shape
    self.heads = heads
    geometry = setting.geometry
    lists = setting.lists
    mostRoutes = Self.mostRoutes(stage, geometry, heads: heads)
    routes = Workspace(
      bytesPerWorker: Self.bytes(stage, geometry, heads: heads),
      workers: setting.context.pool.count)
  }

  var bytes: Int { routes.bytes }

  /// Rows of a chunk, each as often as it may see a block.
  private static func mostRoutes(
    _ stage: AttendSelected, _ geometry: SelectionGeometry, heads: Int
  ) -> Int {
    let starts = stage.chunkStarts(geometry, heads: heads)
    let places = zip(starts, starts.dropFirst()).reduce(0) { max($0, $1.1 - $1.0) }
    return places * heads * stage.capacity(geometry)
  }

  /// What a worker keeps.
  static func bytes(_ stage: AttendSelected, _ geometry: SelectionGeometry, heads: Int) -> Int {
    let arrays = stage.scoresWeighBlocks ? 3 : 2
    return 4 * (geometry.blockCount + 1 + arrays * mostRoutes(stage, geometry, heads: heads))
  }

  private func routes(_ worker: Int) -> ChunkRoutes {
    let begins = routes[worker].assumingMemoryBound(to: Int32.self)
    let places = begins + geometry.blockCount + 1
    let weights = UnsafeMutableRawPointer(places + 2 * mostRoutes)
    return ChunkRoutes(
      begins: begins, places: places, rows: places + mostRoutes,
      weights: lists.keepsScores ? weights.assumingMemoryBound(to: Float.self) : nil)
  }

  /// A counting sort of the chunk's choices by block.
  ///
  /// The last `without` blocks of every list are left out. Weights are the scores that lists keep.
  func collect(
    _ places: Range<Int>, head: Int, without: Int, worker: Int
  ) -> ChunkRoutes {
    let routes = routes(worker)
    let begins = routes.begins
    begins.update(repeating: 0, count: geometry.blockCount + 1)
    let units = geometry.rowsCovering(places)
    for unit in units {
      let count = Int32(geometry.queries(row: unit).clamped(to: places).count * heads)
      for block in lists.blocks(head: head, row: unit).dropLast(without) {
        begins[Int(block) + 1] += count
      }
    }
    for block in 0..<geometry.blockCount { begins[block + 1] += begins[block] }
    // Filling moves every beginning to the end of its block; afterwards they are shifted back.
    for unit in units { fill(routes, unit: unit, places, head: head, without: without) }
    for block in Swift.stride(from: geometry.blockCount, to: 0, by: -1) {
      begins[block] = begins[block - 1]
    }
    begins[0] = 0
    return routes
  }

  private func fill(
    _ routes: ChunkRoutes, unit: Int, _ places: Range<Int>, head: Int, without: Int
  ) {
    let blocks = lists.blocks(head: head, row: unit).dropLast(without)
    let weights = lists.scores(head: head, row: unit)
    for place in geometry.queries(row: unit).clamped(to: places) {
      let token = Int32(geometry.order.map { Int($0[place]) } ?? place)
      for (rank, block) in blocks.enumerated() {
        var route = Int(routes.begins[Int(block)])
        routes.begins[Int(block)] += Int32(heads)
        if let weights { routes.weights?[route] = weights[rank] }
        for index in 0..<heads {
          routes.places[route] = Int32(place)
          routes.rows[route] = Int32(index * shape.queryLength) + token
          route += 1
        }
      }
    }
  }
}
