// SPDX-License-Identifier: MIT

/// The tile schedules of all query heads: one per distinct pattern.
public struct HeadSchedules: Sendable {
  /// The distinct schedules.
  public let schedules: [TileSchedule]
  /// For each of them, with the same strips: the summaries that are visited.
  public let summaries: [TileSchedule?]
  /// Index of the schedule of every query head.
  public let ofHead: [Int]

  /// What `stage` visits at `shape` with kernels of the given tile.
  public init(stage: Attend, shape: AttentionShape, tile: TileSize) {
    guard case .patterns(let heads) = stage.rule else {
      schedules = [TileSchedule(stage: stage, shape: shape, tile: tile)]
      summaries = [nil]
      ofHead = [Int](repeating: 0, count: shape.queryHeads)
      return
    }
    schedules = heads.patterns.map {
      TileSchedule(
        $0.keys, order: $0.order, queryLength: shape.queryLength, keyLength: shape.keyLength,
        tile: tile)
    }
    summaries = heads.patterns.map { pattern in
      guard let visible = pattern.summaries, let groups = heads.summaries?.groups else {
        return nil
      }
      return TileSchedule(
        visible, order: pattern.order, queryLength: shape.queryLength, keyLength: groups.count,
        tile: tile)
    }
    ofHead = heads.ofHead
  }

  /// Tiles of one head, or of all query heads together where their patterns differ.
  public var counts: TileCounts {
    let each = schedules.indices.map { counts(pattern: $0) }
    guard each.count > 1 else { return each[0] }
    return ofHead.reduce(into: TileCounts(densePerQueryTile: each[0].densePerQueryTile)) {
      $0.total += each[$1].total
      $0.visited += each[$1].visited
      $0.full += each[$1].full
      $0.worst = max($0.worst, each[$1].worst)
      $0.evaluatedPairs += each[$1].evaluatedPairs
    }
  }

  /// Tiles of one head with the given pattern; those of summaries are visited beside the others.
  func counts(pattern: Int) -> TileCounts {
    var counts = schedules[pattern].counts
    guard let summaries = summaries[pattern] else { return counts }
    let more = summaries.counts
    counts.visited += more.visited
    counts.full += more.full
    counts.evaluatedPairs += more.evaluatedPairs
    counts.worst =
      schedules[pattern].strips.indices.map {
        schedules[pattern].tilesVisited(strip: $0) + summaries.tilesVisited(strip: $0)
      }.max() ?? 0
    return counts
  }
}
