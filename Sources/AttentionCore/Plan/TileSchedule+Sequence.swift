// SPDX-License-Identifier: MIT

extension TileSchedule {
  /// The schedule of `stage` at `shape` for kernels of the given tile; that of the first query
  /// head where heads differ (see ``HeadSchedules`` for all of them).
  public init(stage: Attend, shape: AttentionShape, tile: TileSize) {
    switch (stage.rule, stage.queryTiling) {
    case (.sequence, _):
      self.init(sequence: shape, tile: tile)
    case (.neighborhood(let mask), .flat):
      self.init(flatNeighborhood: mask, tile: tile)
    case (.neighborhood(let mask), .fitted), (.neighborhood(let mask), .diagonal):
      self.init(neighborhood: mask, tile: tile, queryTile: mask.queryTile(fitting: tile))
    case (.patterns(let heads), _):
      let pattern = heads.patterns[heads.ofHead[0]]
      self.init(
        pattern.keys, order: pattern.order, queryLength: shape.queryLength,
        keyLength: shape.keyLength, tile: tile)
    case (.neighborhood(let mask), .fixed(let queryTile)):
      self.init(neighborhood: mask, tile: tile, queryTile: queryTile)
    }
  }

  /// The queries of one block against its keys, each up to its own position.
  package init(causalBlock length: Int, tile: TileSize) {
    self.init(tile: tile, keyLength: length)
    appendSequence(queryLength: length) { $0 + 1 }
  }

  /// Dense or causal attention over consecutive tokens.
  init(sequence shape: AttentionShape, tile: TileSize) {
    self.init(tile: tile, keyLength: shape.keyLength)
    appendSequence(queryLength: shape.queryLength) { shape.visibleKeys(query: $0) }
  }

  /// Strips of consecutive queries; `visible` gives how many keys from key 0 a query sees.
  private mutating func appendSequence(queryLength: Int, visible: (Int) -> Int) {
    for first in stride(from: 0, to: queryLength, by: tile.lanes) {
      let ids = first..<min(first + tile.lanes, queryLength)
      appendStrip(ids) { schedule in
        let fewest = visible(ids.lowerBound)
        let most = visible(ids.upperBound - 1)
        guard fewest < most else { return schedule.appendFull(firstKey: 0, count: most) }
        let full = fewest / schedule.tile.keys * schedule.tile.keys
        schedule.appendFull(firstKey: 0, count: full)
        let words = (full..<most).map { key in
          ids.enumerated().reduce(into: UInt32(0)) { word, lane in
            word |= key < visible(lane.element) ? 1 << UInt32(lane.offset) : 0
          }
        }
        schedule.appendMasked(firstKey: full, words: words, allLanes: Self.laneMask(ids.count))
      }
    }
  }
}
