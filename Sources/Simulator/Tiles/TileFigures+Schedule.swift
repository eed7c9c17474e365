// SPDX-License-Identifier: MIT

import AttentionCore

extension TileFigures {
  /// Counts of one head by enumeration of what a tiled engine runs.
  ///
  /// Attended pairs are the bits of the lane masks. Dense attention is taken in strips of full
  /// width, so that strips cut short by the mask do not raise a bound.
  public init(schedule: TileSchedule) {
    let counts = schedule.counts
    let tile = schedule.tile
    let queries = schedule.queries.count
    let strips = queries.dividedUp(by: tile.lanes)
    self.init(
      queries: queries, allPairs: queries * schedule.keyLength,
      attendedPairs: schedule.attendedPairs, evaluatedPairs: counts.evaluatedPairs,
      queryTiles: schedule.strips.count, tilesTotal: strips * counts.densePerQueryTile,
      tilesVisited: counts.visited, tilesFull: counts.full, tilesWorst: counts.worst,
      denseTilesPerQueryTile: counts.densePerQueryTile, queryTileTokens: tile.lanes,
      keyTileTokens: tile.keys)
  }
}

extension TileSchedule {
  fileprivate var attendedPairs: Int {
    strips.reduce(0) { sum, strip in
      runs[strip.runs].reduce(sum) { sum, run in
        guard run.mask >= 0 else { return sum + Int(run.count) * strip.queries.count }
        let words = masks[Int(run.mask)..<Int(run.mask) + Int(run.count)]
        return words.reduce(sum) { $0 + $1.nonzeroBitCount }
      }
    }
  }
}
