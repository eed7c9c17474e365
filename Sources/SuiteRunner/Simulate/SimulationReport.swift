// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import ResultStore
import Simulator

/// The bounds of one mechanism at one shape: tiles of one head, and floors on each machine.
///
/// Every bound is against the same ``baseline``: `flash` at the same sizes, causal where the shape is
/// causal. A mask of a shape that is not causal is so compared with all pairs and all tiles, as in
/// the tables of arXiv:2504.16922.
public struct SimulationReport: Encodable, Sendable {
  public let schema = CaseRecord.currentSchema
  public let mechanism: String
  public let shape: String
  /// What every bound is relative to.
  public let baseline: String
  /// Query and key tile, and how they are laid out.
  public let tiles: Known<String>
  /// Query-key pairs of one head: all of them, those of the baseline, those of the mechanism.
  public let allPairs: Int
  public let densePairs: Int
  public let attendedPairs: Known<Int>
  /// Pairs of tiles that cover all pairs, and those that the baseline visits.
  public let tilesTotal: Known<Int>
  public let tilesDense: Known<Int>
  public let tilesVisited: Known<Int>
  public let tilesFull: Known<Int>
  public let tilesWorst: Known<Int>
  /// Products of the baseline over those of the mechanism.
  public let flopBound: Quantity
  /// All pairs over attended pairs, whatever the causality.
  public let flopBoundOverAllPairs: Quantity
  public let tileBound: Quantity
  public let worstTileBound: Quantity
  public let perfectlyBlockSparse: Known<Bool>
  /// Tiles on average, for a mechanism that chooses keys by the data.
  public let expected: ExpectedTiles?
  public let machines: [SimulatedMachine]
  /// What a reader might miss in the numbers.
  public let notes: [String]

  /// Tiles if every block that can be chosen is equally likely.
  public struct ExpectedTiles: Encodable, Sendable {
    public let assumption = "every past block is equally likely"
    public let tilesVisited: Double
    public let denseTiles: Int
    public let tileBound: Double
  }

  /// - Throws: `MechanismError`, `ShapeError`, or ``SimulatorError`` where tiles that were asked
  ///   for do not fit the mask or a machine, or devices cannot share the sequence.
  public init(_ query: SimulationQuery) throws {
    let plans = try query.plans(at: query.shape)
    try plans.dense.checkWork()
    try plans.mechanism.checkWork()
    let comparison = try Self.comparison(query, plans)
    for machine in query.machines {
      if let tiles = query.tiles { try machine.allow(tiles) }
    }
    let counts = comparison.map(\.mechanism)
    let denseShape = plans.dense.shape
    mechanism = query.mechanismID
    shape = plans.mechanism.shape.description
    baseline = denseShape.isCausal ? "flash, causal" : "flash, not causal"
    tiles = counts.map { _ in "\(query.tiles(of: plans.mechanism)), \(query.tiling.rawValue)" }
    allPairs = denseShape.queryLength * denseShape.keyLength
    densePairs = MaskRule.sequence.attendedPairs(shape: denseShape)
    let attended: Known<Int> =
      plans.mechanism.attendedPairs.map { .value($0) }
      ?? .absent(reason: "the mechanism does not work on query-key pairs")
    attendedPairs = attended
    tilesTotal = counts.map(\.tilesTotal)
    tilesDense = comparison.map(\.denseTiles)
    tilesVisited = counts.map(\.tilesVisited)
    tilesFull = counts.map(\.tilesFull)
    tilesWorst = counts.map(\.tilesWorst)
    tileBound = comparison.map(\.tileBound)
    worstTileBound = comparison.map(\.worstTileBound)
    perfectlyBlockSparse = counts.map(\.isPerfectlyBlockSparse)
    flopBound = Self.productBound(plans)
    let pairs = allPairs
    flopBoundOverAllPairs = attended.map { Double(pairs) / Double($0) }
    expected = try Self.expectedTiles(plans.mechanism)
    machines = try query.machines.map { try SimulatedMachine(query, plans, on: $0) }
    notes = Self.notes(plans)
  }

  /// Tiles of the mask beside those of dense attention, or why there are none.
  private static func comparison(
    _ query: SimulationQuery, _ plans: LengthScan.Plans
  ) throws -> Known<TileComparison> {
    let layout = TileLayout.tiles(query.tiles(of: plans.mechanism), query.tiling)
    switch try TileOutcome(plan: plans.mechanism, dense: plans.dense, layout: layout) {
    case .counted(let comparison): return .value(comparison)
    case .notApplicable(let reason):
      guard query.tiles == nil else {
        throw SimulatorError.noTiles(mechanism: query.mechanismID, reason: reason)
      }
      return .absent(reason: reason)
    }
  }

  private static func notes(_ plans: LengthScan.Plans) -> [String] {
    guard case .attend(let stage) = plans.mechanism.stages.first,
      case .neighborhood(let mask) = stage.rule, !plans.dense.shape.isCausal
    else { return [] }
    let axes = mask.axes.indices.filter { mask.axes[$0].isCausal }
    guard !axes.isEmpty else { return [] }
    let names = axes.map(String.init).joined(separator: ", ")
    return [
      "the window is causal on axis \(names), its baseline is not: a part of the bounds is due to "
        + "causality alone"
    ]
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
