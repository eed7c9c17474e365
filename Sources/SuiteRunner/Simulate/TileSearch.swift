// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import ResultStore
import Simulator

/// The strides and tile shapes of a neighborhood that are worth their loss of detail.
public struct TileSearch: Encodable, Sendable {
  /// What a search may change.
  public enum Subject: String, Sendable, CaseIterable {
    case stride, tiles
  }

  /// One entry of the Pareto front.
  public struct Entry: Encodable, Sendable {
    public let stride: String
    public let queryTile: String
    public let keyTile: String
    public let tilesVisited: Int
    public let tilesWorst: Int
    public let flopBound: Double
    public let tileBound: Double
    public let worstTileBound: Double
    public let perfectlyBlockSparse: Bool
  }

  public let schema = CaseRecord.currentSchema
  public let mechanism: String
  public let shape: String
  public let front: [Entry]

  /// Tokens of the tiles whose shapes are searched where none is given: those of the kernels in
  /// arXiv:2504.16922, section 4.
  private static let queryTokens = 256
  private static let keyTokens = 128

  /// The front of `query` over `subjects`; bounds are against `flash` of the same causality.
  ///
  /// Strides are searched with the tiles that the query gives, or this project's own. Tile shapes
  /// are searched only where the query gives none: every shape of 256 queries by 128 keys.
  /// - Throws: ``SimulatorError`` for a mechanism without a window, or tiles that do not fit.
  public init(_ query: SimulationQuery, over subjects: Set<Subject>) throws {
    let plans = try query.plans(at: query.shape)
    let plan = plans.mechanism
    try plans.dense.checkWork()
    guard case .attend(let stage) = plan.stages.first,
      case .neighborhood(let mask) = stage.rule
    else {
      throw SimulatorError.notSearchable(
        reason: "'\(query.mechanismID)' has no window and so neither strides nor tile shapes; "
          + "search neighborhood")
    }
    let tiles =
      subjects.contains(.tiles) && query.tiles == nil
      ? TilePair.all(
        queryTokens: Self.queryTokens, keyTokens: Self.keyTokens, grid: mask.grid)
      : [query.tiles(of: plan)]
    for machine in query.machines {
      for pair in tiles { try machine.allow(pair) }
    }
    let entries =
      subjects.contains(.stride)
      ? try StrideSearch(mask: mask, tiles: tiles, tiling: query.tiling).front()
      : try StrideSearch.bestTiles(mask: mask, tiles: tiles, tiling: query.tiling)
    mechanism = query.mechanismID
    shape = plan.shape.description
    front = try entries.map { entry in
      let dense = try TileCounter.figures(
        sequence: plans.dense.shape, tiles: entry.tiles.flattened, tiling: query.tiling)
      return Entry(entry, TileComparison(dense: dense, mechanism: entry.figures))
    }
  }

  /// Headings of ``rows``.
  public static let columns = [
    "stride", "query tile", "key tile", "FLOP bound", "tile bound", "worst-tile bound",
    "block sparse",
  ]

  public var rows: [[String]] {
    front.map { entry in
      [entry.stride, entry.queryTile, entry.keyTile]
        + [entry.flopBound, entry.tileBound, entry.worstTileBound].map {
          String(format: "%.4g", $0)
        } + [entry.perfectlyBlockSparse ? "perfectly" : "no"]
    }
  }

  public var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }
}

extension TileSearch.Entry {
  init(_ entry: StrideSearch.Entry, _ comparison: TileComparison) {
    let figures = entry.figures
    self.init(
      stride: entry.stride.description, queryTile: entry.tiles.query.description,
      keyTile: entry.tiles.key.description, tilesVisited: figures.tilesVisited,
      tilesWorst: figures.tilesWorst, flopBound: comparison.flopBound,
      tileBound: comparison.tileBound, worstTileBound: comparison.worstTileBound,
      perfectlyBlockSparse: figures.isPerfectlyBlockSparse)
  }
}
