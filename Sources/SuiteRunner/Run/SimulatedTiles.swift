// SPDX-License-Identifier: MIT

import AttentionCore
import ResultStore
import Simulator

/// Tiles of a case by closed form: nothing is scheduled, so size does not matter.
struct SimulatedTiles {
  let counts: Known<TileCounts>

  init(_ item: CaseSpecification, tile: TileSize) throws {
    let plan = item.mechanism.plan
    guard case .attend(let stage) = plan.stages.first else {
      counts = .absent(reason: "tiles need a mask that is known before the data")
      return
    }
    let pair = Self.tiles(item, stage: stage, tile: tile)
    let figures = try TileCounter.figures(
      rule: stage.rule, shape: plan.shape, tiles: pair,
      tiling: item.simulation.queryTile == nil ? .dynamic : .static)
    counts = .value(
      TileCounts(
        total: figures.tilesTotal, visited: figures.tilesVisited, full: figures.tilesFull,
        worst: figures.tilesWorst, densePerQueryTile: figures.denseTilesPerQueryTile,
        evaluatedPairs: figures.evaluatedPairs))
  }

  /// The tiles that the suite asks for, or those that this project's kernels would use.
  private static func tiles(
    _ item: CaseSpecification, stage: Attend, tile: TileSize
  ) -> TilePair {
    if let query = item.simulation.queryTile, let key = item.simulation.keyTile {
      return TilePair(query: query, key: key)
    }
    guard case .neighborhood(let mask) = stage.rule else {
      return TilePair(query: tile.lanes, key: tile.keys)
    }
    let key = [Int](repeating: 1, count: mask.axes.count - 1) + [tile.keys]
    return TilePair(query: mask.queryTile(fitting: tile), key: Extents(key))
  }
}
