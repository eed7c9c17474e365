// SPDX-License-Identifier: MIT

/// Tiles and pairs of one attention mask over one head, counted exactly.
///
/// The bounds are three different numbers and are never merged: arithmetic alone, work after
/// tiles, and the slowest query tile.
public struct TileFigures: Hashable, Sendable, Codable {
  /// Queries of the problem.
  public let queries: Int
  /// Query-key pairs of dense attention.
  public let allPairs: Int
  /// Query-key pairs that the mask allows.
  public let attendedPairs: Int
  /// Query-key pairs inside visited tiles, without padding.
  public let evaluatedPairs: Int
  /// Query tiles that the mask needs; with dilation they may be more than dense attention needs.
  public let queryTiles: Int
  /// Query-tile x key-tile pairs of dense attention.
  public let tilesTotal: Int
  /// Pairs of tiles in which at least one pair is attended.
  public let tilesVisited: Int
  /// Visited pairs of tiles in which every pair of real tokens is attended: no mask is needed.
  public let tilesFull: Int
  /// The most key tiles that one query tile visits.
  public let tilesWorst: Int
  /// Key tiles that one query tile visits in dense attention.
  public let denseTilesPerQueryTile: Int
  /// Tokens of a query tile, padding included.
  public let queryTileTokens: Int
  /// Tokens of a key tile, padding included.
  public let keyTileTokens: Int

  public var tilesPartial: Int { tilesVisited - tilesFull }

  /// All pairs over attended pairs: the most that arithmetic alone allows over dense attention that
  /// is not causal; for the same causality see ``TileComparison/flopBound``.
  public var flopBound: Double { Double(allPairs) / Double(attendedPairs) }

  /// All tiles over visited tiles: the mean over query tiles.
  public var tileBound: Double { Double(tilesTotal) / Double(tilesVisited) }

  /// Dense tiles per query tile over the most that one query tile visits.
  public var worstTileBound: Double { Double(denseTilesPerQueryTile) / Double(tilesWorst) }

  /// Share of visited tiles that need no mask.
  public var fullFraction: Double { Double(tilesFull) / Double(tilesVisited) }

  /// Whether no visited tile needs a mask, by exact count.
  public var isPerfectlyBlockSparse: Bool { tilesVisited == tilesFull }

  /// Share of query lanes that hold no query.
  public var queryPaddingWaste: Double {
    1 - Double(queries) / (Double(queryTiles) * Double(queryTileTokens))
  }

  /// Share of the pairs computed in visited tiles, padding included, that the mask drops.
  public var maskedShare: Double {
    let computed = Double(tilesVisited) * Double(queryTileTokens) * Double(keyTileTokens)
    return 1 - Double(attendedPairs) / computed
  }

  /// Rounds in which `units` parallel units take up the query tiles of `heads` heads.
  ///
  /// - Requires: `units` is at least 1.
  public func waves(heads: Int, units: Int) -> Int {
    (queryTiles * heads).dividedUp(by: units)
  }
}
