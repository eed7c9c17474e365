// SPDX-License-Identifier: MIT

extension AttendSelected {
  /// Estimates that a selection took at least: all of a block that was left out, since any large
  /// one would have kept it, and a row of keys of one that was kept.
  func estimatedPairs(of selection: Selection, shape: AttentionShape) -> Int? {
    guard case .lowBitEstimate = scoring else { return nil }
    let geometry = SelectionGeometry(self, shape: shape)
    var pairs = 0
    for row in 0..<geometry.rowCount {
      let places = geometry.forcedBlocks(row: row, forced)
      let free = places.first.upperBound..<max(places.near.lowerBound, places.first.upperBound)
      let queries = geometry.queries(row: row).count
      for head in 0..<shape.batch * shape.queryHeads {
        let kept = Set(selection.blocks(head: head, row: row))
        for block in free {
          pairs += geometry.keys(block: block).count * (kept.contains(block) ? 1 : queries)
        }
      }
    }
    return pairs
  }

  /// Means of 2, 4 and 8 keys and values.
  func poolingLevels(_ shape: AttentionShape) -> StageWork {
    let bytes = TensorBytes(shape)
    let levels = PyramidSearch.levels.dropFirst()
    return StageWork(
      name: "pool keys and values",
      operations: OperationCounts([.elementwise: levels.count * (bytes.key + bytes.value) / 4]),
      bytesRead: bytes.key + bytes.value,
      bytesWritten: levels.reduce(0) { $0 + (bytes.key + bytes.value) / $1 },
      parallelUnits: shape.batch * shape.keyValueHeads * shape.keyLength)
  }

  /// Softmax rows of sampled queries over sampled keys.
  func sampledRows(
    _ search: PyramidSearch, _ shape: AttentionShape, _ geometry: SelectionGeometry
  ) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    var seen = [0]
    for block in 0..<geometry.wholeBlocks {
      let asked = Set(PyramidSearch.sampled(search.keyOffsets, of: geometry.keys(block: block)))
      for key in geometry.keys(block: block) {
        seen.append((seen.last ?? 0) + (asked.contains(key) ? 1 : 0))
      }
    }
    let pairs = (0..<geometry.rowCount).reduce(0) { sum, row in
      let queries = PyramidSearch.sampled(search.queryOffsets, of: geometry.queries(row: row))
      return sum + queries.reduce(0) { $0 + seen[geometry.visibleKeys(place: $1)] }
    }
    return StageWork(
      name: "attend with sampled tokens",
      operations: OperationCounts([
        .float32: 2 * heads * pairs * shape.headDim, .exponential: heads * pairs,
      ]),
      bytesRead: 0, bytesWritten: 4 * heads * geometry.rowCount,
      parallelUnits: heads * geometry.rowCount)
  }

  /// Features of chunks and their products: the fewest chunks are priced.
  func chunkScores(_ shape: AttentionShape, _ geometry: SelectionGeometry) -> StageWork {
    guard case .chunks(let search) = scoring else {
      return StageWork(
        name: "score chunks", operations: OperationCounts(), bytesRead: 0, bytesWritten: 0,
        parallelUnits: 1)
    }
    let heads = shape.batch * shape.queryHeads
    let bytes = TensorBytes(shape)
    let chunks = (geometry.blockCount + search.mostBlocks - 1) / search.mostBlocks
    return StageWork(
      name: "score chunks",
      operations: OperationCounts([
        .elementwise: (bytes.query + bytes.key) / 4,
        .float32: heads * chunks * (chunks - 1) * shape.headDim,
      ]),
      bytesRead: bytes.query + bytes.key, bytesWritten: 0, parallelUnits: heads * chunks)
  }

  /// Softmax rows of one query per row unit, in every order of the grid's axes.
  func axisRows(_ shape: AttentionShape, _ geometry: SelectionGeometry) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    let orders = AxisOrderSearch.orders(rank: shape.grid?.rank ?? 1).count
    let pairs = heads * orders * geometry.rowCount * shape.keyLength
    return StageWork(
      name: "attend in every order",
      operations: OperationCounts([
        .float32: 2 * pairs * shape.headDim, .exponential: pairs, .elementwise: pairs,
      ]),
      bytesRead: TensorBytes(shape).key,
      bytesWritten: 4 * heads * orders * geometry.rowCount * geometry.blockCount,
      parallelUnits: heads * orders)
  }
}
