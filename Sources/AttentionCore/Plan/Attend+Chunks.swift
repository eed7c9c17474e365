// SPDX-License-Identifier: MIT

extension Attend {
  /// One schedule per chunk of keys, all with the same strips, for attention to chunks by themselves.
  public func chunkSchedules(
    _ chunk: Int, shape: AttentionShape, tile: TileSize
  ) -> [TileSchedule] {
    stride(from: 0, to: shape.keyLength, by: chunk).map { first in
      TileSchedule(
        .intersection([
          .sequence(shape), .keys(first..<min(first + chunk, shape.keyLength)),
        ]), order: .sequence, queryLength: shape.queryLength, keyLength: shape.keyLength,
        tile: tile)
    }
  }

  /// What an engine must count when it runs `chunks` over all heads of `shape`.
  public func expectedCounts(chunks: [TileSchedule], shape: AttentionShape) -> EngineCounts {
    var sum = EngineCounts()
    for (index, chunk) in chunks.enumerated() {
      sum += counts(of: chunk, queryReads: index == 0, shape: shape)
    }
    return sum.times(shape.batch * shape.queryHeads)
  }

  /// Merging the partial results of `chunk` keys each, of which all but the first are merged.
  func merging(_ chunk: Int, shape: AttentionShape) -> StageWork {
    let rows = shape.batch * shape.queryHeads * shape.queryLength
    let merges = rows * ((shape.keyLength + chunk - 1) / chunk - 1)
    return StageWork(
      name: "merge partial results",
      operations: OperationCounts([
        .elementwise: 3 * merges * shape.valueDim, .exponential: 2 * merges,
      ]),
      bytesRead: 0, bytesWritten: 0, parallelUnits: rows)
  }
}

extension TileCounts {
  /// Adds the tiles of further keys of the same queries.
  public mutating func add(disjoint other: TileCounts) {
    total = other.total
    densePerQueryTile = other.densePerQueryTile
    visited += other.visited
    full += other.full
    worst += other.worst
    evaluatedPairs += other.evaluatedPairs
  }
}
