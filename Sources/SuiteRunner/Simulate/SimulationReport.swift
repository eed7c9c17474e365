// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import ResultStore
import Simulator

/// The bounds of one mechanism at one shape: tiles of one head, and floors on each machine.
///
/// FLOP and tile bounds of a mask count against all pairs and all tiles. Roofline bounds, and the
/// FLOP bound of a mechanism without a mask, are against `flash` with the same causality.
public struct SimulationReport: Encodable, Sendable {
  public let schema = CaseRecord.currentSchema
  public let mechanism: String
  public let shape: String
  /// Query and key tile, and how they are laid out.
  public let tiles: Known<String>
  /// Query-key pairs of one head.
  public let attendedPairs: Known<Int>
  public let tilesTotal: Known<Int>
  public let tilesVisited: Known<Int>
  public let tilesFull: Known<Int>
  public let tilesWorst: Known<Int>
  public let flopBound: Quantity
  public let tileBound: Quantity
  public let worstTileBound: Quantity
  public let perfectlyBlockSparse: Known<Bool>
  /// Tiles on average, for a mechanism that chooses keys by the data.
  public let expected: ExpectedTiles?
  public let machines: [SimulatedMachine]

  /// Tiles if every block that can be chosen is equally likely.
  public struct ExpectedTiles: Encodable, Sendable {
    public let assumption = "every past block is equally likely"
    public let tilesVisited: Double
    public let denseTiles: Int
    public let tileBound: Double
  }

  /// - Throws: `MechanismError`, `ShapeError`, or ``SimulatorError`` where tiles that were asked
  ///   for do not fit.
  public init(_ query: SimulationQuery) throws {
    let plans = try query.plans(at: query.shape)
    let figures = try Self.figures(query, plans)
    mechanism = query.mechanismID
    shape = plans.mechanism.shape.description
    tiles = figures.map { "\($0.tiles), \(query.tiling.rawValue)" }
    let counts = figures.map(\.figures)
    attendedPairs =
      plans.mechanism.attendedPairs.map { .value($0) }
      ?? .absent(reason: "the mechanism does not work on query-key pairs")
    tilesTotal = counts.map(\.tilesTotal)
    tilesVisited = counts.map(\.tilesVisited)
    tilesFull = counts.map(\.tilesFull)
    tilesWorst = counts.map(\.tilesWorst)
    tileBound = counts.map(\.tileBound)
    worstTileBound = counts.map(\.worstTileBound)
    perfectlyBlockSparse = counts.map(\.isPerfectlyBlockSparse)
    flopBound = counts.value.map { .value($0.flopBound) } ?? Self.productBound(plans)
    expected = try Self.expectedTiles(plans.mechanism)
    machines = try query.machines.map { try SimulatedMachine(query, plans, on: $0) }
  }

  /// Tiles of the mask, or why there are none.
  private static func figures(
    _ query: SimulationQuery, _ plans: LengthScan.Plans
  ) throws -> Known<(tiles: TilePair, figures: TileFigures)> {
    guard case .attend(let stage) = plans.mechanism.stages.first else {
      // Of plans without a mask the outcome is the reason alone.
      let outcome = try TileOutcome(
        plan: plans.mechanism, dense: plans.dense, layout: .engine(.standard))
      guard case .notApplicable(let reason) = outcome else {
        return .absent(reason: "the plan does not begin with its attention")
      }
      guard query.tiles == nil else {
        throw SimulatorError.noTiles(mechanism: query.mechanismID, reason: reason)
      }
      return .absent(reason: reason)
    }
    let tiles = query.tiles(rank: stage.rule.rank)
    return .value(
      (
        tiles,
        try TileCounter.figures(
          rule: stage.rule, shape: plans.mechanism.shape, tiles: tiles, tiling: query.tiling)
      ))
  }

  private static func productBound(_ plans: LengthScan.Plans) -> Quantity {
    let own = plans.mechanism.operations.products
    guard own > 0 else { return .absent(reason: "the mechanism has no products") }
    return .value(Double(plans.dense.operations.products) / Double(own))
  }

  private static func expectedTiles(_ plan: Plan) throws -> ExpectedTiles? {
    guard case .attendSelected(let stage) = plan.stages.first, stage.pastBlocks != nil else {
      return nil
    }
    let expected = try ExpectedSelection(stage, shape: plan.shape, tile: .standard)
    return ExpectedTiles(
      tilesVisited: expected.tilesVisited, denseTiles: expected.denseTiles,
      tileBound: expected.tileBound)
  }

  /// The report as JSON; what does not exist reads `{"absent": "reason"}`.
  public var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }
}

extension MaskRule {
  /// Axes of the token grid that the rule knows.
  var rank: Int {
    switch self {
    case .sequence, .patterns: 1
    case .neighborhood(let mask): mask.axes.count
    }
  }
}
