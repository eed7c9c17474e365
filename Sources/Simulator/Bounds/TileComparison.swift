// SPDX-License-Identifier: MIT

import AttentionCore

/// How the tiles of a plan are laid out for counting.
public enum TileLayout: Hashable, Sendable {
  /// As the project's own engine runs them with kernels of this tile.
  case engine(TileSize)
  /// As a kernel with these tiles would; sequences take the products of their extents.
  case tiles(TilePair, Tiling)
}

/// Tiles of a mechanism beside those of dense attention in the same layout.
public struct TileComparison: Hashable, Sendable, Codable {
  public let dense: TileFigures
  public let mechanism: TileFigures

  /// `dense` has the causality of the problem, which the grid of `mechanism` may not know.
  public init(dense: TileFigures, mechanism: TileFigures) {
    self.dense = dense
    self.mechanism = mechanism
  }

  /// Pairs of dense attention over attended pairs.
  public var flopBound: Double {
    Self.ratio(dense.attendedPairs * heads, mechanism.attendedPairs)
  }

  /// Dense over visited tiles: the bound on work.
  public var tileBound: Double {
    hasPlainDense
      ? mechanism.tileBound
      : Self.ratio(dense.tilesVisited * heads, mechanism.tilesVisited)
  }

  /// Dense tiles of a query tile over the most that one query tile of the mechanism visits.
  public var worstTileBound: Double {
    hasPlainDense ? mechanism.worstTileBound : Self.ratio(dense.tilesWorst, mechanism.tilesWorst)
  }

  /// Heads that the mechanism's counts stand for: all of them where heads differ.
  private var heads: Int { mechanism.queries / dense.queries }

  /// Pairs of tiles that dense attention visits.
  public var denseTiles: Int { hasPlainDense ? mechanism.tilesTotal : dense.tilesVisited * heads }

  /// Whether dense attention visits every tile, so that it may be laid over the mechanism's grid.
  private var hasPlainDense: Bool { dense.tilesVisited == dense.tilesTotal }

  private static func ratio(_ dense: Int, _ mechanism: Int) -> Double {
    Double(dense) / Double(mechanism)
  }
}

/// Tile bounds of a plan, or why it has none.
public enum TileOutcome: Hashable, Sendable, Codable {
  case counted(TileComparison)
  case notApplicable(reason: String)

  /// Compares `plan` with `dense`.
  ///
  /// - Throws: ``SimulatorError`` if the layout does not fit the plan's mask.
  public init(plan: Plan, dense: Plan, layout: TileLayout) throws(SimulatorError) {
    switch (try TileFigures.counted(plan, layout), try TileFigures.counted(dense, layout)) {
    case (.success(let mechanism), .success(let dense)):
      self = .counted(TileComparison(dense: dense, mechanism: mechanism))
    case (.failure(let absence), _): self = .notApplicable(reason: absence.reason)
    case (_, .failure(let absence)):
      self = .notApplicable(reason: "of the baseline: \(absence.reason)")
    }
  }
}

/// Why a plan has no tiles to count.
private struct TileAbsence: Error {
  let reason: String
}

extension TileFigures {
  /// Pairs of one head above which a schedule is not enumerated to count it.
  private static let mostEnumeratedPairs = 1 << 26

  fileprivate static func counted(
    _ plan: Plan, _ layout: TileLayout
  ) throws(SimulatorError) -> Result<TileFigures, TileAbsence> {
    var stages: [Attend] = []
    for stage in plan.stages {
      switch stage {
      case .attend(let attend): stages.append(attend)
      case .attendSelected, .gatedBranches:
        return absent("keys are chosen from the data; the engine counts tiles as it runs")
      case .explicitScores: return absent("all scores are written out; there are no tiles")
      case .decode: return absent("keys are split into ranges; few queries have no key tiles")
      case .scan, .features:
        return absent("keys are summed into a state; there are no key tiles")
      case .lowRank: return absent("keys meet a few landmarks; there are no key tiles")
      case .convolve: return absent("keys are convolved along the sequence; there are no key tiles")
      case .mixTokens: return absent("tokens are mixed by transforms; there are no key tiles")
      }
    }
    guard let stage = stages.first, stages.count == 1 else {
      return absent("the plan does not have exactly one attention stage")
    }
    return try counted(stage, plan.shape, layout)
  }

  private static func absent(_ reason: String) -> Result<TileFigures, TileAbsence> {
    .failure(TileAbsence(reason: reason))
  }

  private static func counted(
    _ stage: Attend, _ shape: AttentionShape, _ layout: TileLayout
  ) throws(SimulatorError) -> Result<TileFigures, TileAbsence> {
    if let chunk = stage.keyChunk, case .engine(let size) = layout,
      !chunk.isMultiple(of: size.keys)
    {
      return absent("key tiles are cut anew in every chunk of \(chunk) keys")
    }
    if case .refreshed = stage.residual {
      return absent("dense attention runs beside the mask; tiles of the mask say nothing alone")
    }
    switch (layout, stage.rule) {
    case (.tiles(let tiles, let tiling), .sequence):
      return .success(
        try TileCounter.figures(sequence: shape, tiles: tiles.flattened, tiling: tiling))
    case (.tiles(let tiles, let tiling), .neighborhood(let mask)):
      let fitting = tiling == .flat ? tiles.flattened : tiles
      return .success(try TileCounter.figures(mask: mask, tiles: fitting, tiling: tiling))
    case (.engine(let size), .sequence):
      let tiles = TilePair(query: size.lanes, key: size.keys)
      return .success(
        try TileCounter.figures(sequence: shape, tiles: tiles, tiling: .dynamic))
    case (.engine(let size), .neighborhood(let mask)):
      return try counted(stage, mask, shape, size)
    case (.tiles(let tiles, let tiling), .patterns(let heads)):
      return .success(
        try TileCounter.figures(patterns: heads, shape: shape, tiles: tiles, tiling))
    case (.engine(let size), .patterns(let heads)):
      let tiles = TilePair(query: Extents([size.lanes]), key: Extents([size.keys]))
      return .success(
        try TileCounter.figures(patterns: heads, shape: shape, tiles: tiles, .dynamic))
    }
  }

  private static func counted(
    _ stage: Attend, _ mask: NeighborhoodMask, _ shape: AttentionShape, _ size: TileSize
  ) throws(SimulatorError) -> Result<TileFigures, TileAbsence> {
    try mask.validate()
    let queryTile: Extents
    switch stage.queryTiling {
    case .fitted: queryTile = mask.queryTile(fitting: size)
    case .fixed(let extents): queryTile = extents
    case .diagonal where stage.diagonalMask != nil:
      return absent("every lane of queries meets exactly its own window; there are no tiles")
    case .diagonal: queryTile = mask.queryTile(fitting: size)
    case .flat:
      guard mask.attendedPairs <= mostEnumeratedPairs else {
        return absent("flat strips of this size are counted only as they run")
      }
      return .success(
        TileFigures(schedule: TileSchedule(stage: stage, shape: shape, tile: size)))
    }
    return .success(
      try TileCounter.figures(
        mask: mask, tiles: .engine(queryTile: queryTile, size), tiling: .dynamic))
  }
}

extension TilePair {
  /// What the project's engine uses: key tiles along the last axis.
  public static func engine(queryTile: Extents, _ size: TileSize) -> TilePair {
    TilePair(
      query: queryTile,
      key: Extents([Int](repeating: 1, count: max(queryTile.rank - 1, 0)) + [size.keys]))
  }

  /// One-dimensional tiles of as many tokens.
  public var flattened: TilePair {
    TilePair(query: query.checkedCount ?? .max, key: key.checkedCount ?? .max)
  }
}
