// SPDX-License-Identifier: MIT

import AttentionCore

/// Exact tile counts of masks that are known before the data, without a loop over pairs.
///
/// A pair of tiles is visited iff it is on every axis, and full iff it is full on every axis, so
/// sums over axes multiply. Only ``Tiling/flat`` tiles, which mix axes, are enumerated tile by
/// tile, with memory for one flag per key tile.
///
/// Extra keys, which every query sees, are tiles of their own after those of the grid; flat and
/// dynamic tiles count them in one row with the grid's keys where dense attention is concerned.
///
/// Source: Hassani et al., *Generalized Neighborhood Attention* (2025), arXiv:2504.16922.
public enum TileCounter {
  /// Counts of one head of `mask`.
  ///
  /// `tiles` have one extent per axis of the grid, or a single one each for ``Tiling/flat``.
  /// - Throws: ``SimulatorError`` if the mask or the tiles break a rule, or a count exceeds 64 bits.
  public static func figures(
    mask: NeighborhoodMask, tiles: TilePair, tiling: Tiling
  ) throws(SimulatorError) -> TileFigures {
    try mask.validate()
    try tiles.validate(mask: mask, tiling: tiling)
    guard tiling != .flat else { return FlatTileCounter(mask: mask, tiles: tiles).figures }
    let axes = mask.axes.indices.map { axis in
      AxisTiles(
        .window(mask.axes[axis]), queryTile: tiles.query[axis], keyTile: tiles.key[axis],
        isDynamic: tiling == .dynamic)
    }
    return TileFigures(axes: axes, mask: mask, tiles: tiles, isDynamic: tiling == .dynamic)
  }

  /// Counts of one head of dense or causal attention over the sequence of `shape`.
  ///
  /// `tiles` are one-dimensional; ``Tiling/flat`` and ``Tiling/static`` mean the same here.
  /// - Throws: ``SimulatorError`` if a tile is not one-dimensional or below 1, or a count exceeds
  ///   64 bits.
  public static func figures(
    sequence shape: AttentionShape, tiles: TilePair, tiling: Tiling
  ) throws(SimulatorError) -> TileFigures {
    try tiles.validate(rank: 1)
    try checkPairs(queries: shape.queryLength, keys: shape.keyLength)
    let axis = TokenAxis.sequence(shape)
    let counts = AxisTiles(
      axis, queryTile: tiles.query.count, keyTile: tiles.key.count, isDynamic: tiling == .dynamic)
    let denseTiles = shape.keyLength.dividedUp(by: tiles.key.count)
    return TileFigures(
      queries: shape.queryLength, allPairs: shape.queryLength * shape.keyLength,
      attendedPairs: axis.attendedPairs, evaluatedPairs: counts.evaluatedPairs,
      queryTiles: counts.queryTiles, tilesTotal: counts.queryTiles * denseTiles,
      tilesVisited: counts.visited, tilesFull: counts.full, tilesWorst: counts.worst,
      denseTilesPerQueryTile: denseTiles, queryTileTokens: tiles.query.count,
      keyTileTokens: tiles.key.count)
  }

  /// Counts of one head of `rule` at `shape`.
  public static func figures(
    rule: MaskRule, shape: AttentionShape, tiles: TilePair, tiling: Tiling
  ) throws(SimulatorError) -> TileFigures {
    switch rule {
    case .sequence: try figures(sequence: shape, tiles: tiles, tiling: tiling)
    case .neighborhood(let mask): try figures(mask: mask, tiles: tiles, tiling: tiling)
    case .patterns(let heads): try figures(patterns: heads, shape: shape, tiles: tiles, tiling)
    }
  }

  /// Counts of key patterns: of one head, or of all query heads together where they differ.
  public static func figures(
    patterns heads: HeadPatterns, shape: AttentionShape, tiles: TilePair, _ tiling: Tiling
  ) throws(SimulatorError) -> TileFigures {
    try tiles.flattened.validate(rank: 1)
    try checkPairs(queries: shape.queryLength, keys: shape.keyLength)
    return PatternTileCounter(
      queryTile: tiles.flattened.query.count, keyTile: tiles.flattened.key.count,
      isDynamic: tiling == .dynamic
    ).figures(heads, shape: shape)
  }

  /// Throws if `queries` times `keys` pairs do not fit 64 bits; every other count is smaller.
  static func checkPairs(queries: Int, keys: Int) throws(SimulatorError) {
    guard !queries.multipliedReportingOverflow(by: keys).overflow else {
      throw .overflow(quantity: "query-key pairs")
    }
  }
}

extension TileFigures {
  init(axes: [AxisTiles], mask: NeighborhoodMask, tiles: TilePair, isDynamic: Bool) {
    func product(_ term: (AxisTiles) -> Int) -> Int { axes.reduce(1) { $0 * term($1) } }
    let tokens = mask.grid.count
    let queryTiles = product(\.queryTiles)
    let extraTiles = mask.extraKeys.dividedUp(by: tiles.key.count)
    let denseQueryTiles: Int
    let denseKeyTiles: Int
    if isDynamic {
      // Tiles that start anywhere cover dense attention without regard to the grid.
      denseQueryTiles = tokens.dividedUp(by: tiles.query.count)
      denseKeyTiles = (tokens + mask.extraKeys).dividedUp(by: tiles.key.count)
    } else {
      denseQueryTiles = mask.grid.tiles(of: tiles.query)
      denseKeyTiles = mask.grid.tiles(of: tiles.key) + extraTiles
    }
    self.init(
      queries: tokens, allPairs: tokens * (tokens + mask.extraKeys),
      attendedPairs: mask.attendedPairs,
      evaluatedPairs: product(\.evaluatedPairs) + tokens * mask.extraKeys, queryTiles: queryTiles,
      tilesTotal: denseQueryTiles * denseKeyTiles,
      tilesVisited: product(\.visited) + queryTiles * extraTiles,
      tilesFull: product(\.full) + queryTiles * extraTiles,
      tilesWorst: product(\.worst) + extraTiles, denseTilesPerQueryTile: denseKeyTiles,
      queryTileTokens: tiles.query.count, keyTileTokens: tiles.key.count)
  }
}

extension Extents {
  /// Tiles of `tile` that cover a box of these extents.
  func tiles(of tile: Extents) -> Int {
    values.indices.reduce(1) { $0 * values[$1].dividedUp(by: tile[$1]) }
  }
}

extension Int {
  /// The quotient rounded up, for values from 0 and divisors from 1.
  func dividedUp(by divisor: Int) -> Int {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return quotient + (remainder > 0 ? 1 : 0)
  }
}
