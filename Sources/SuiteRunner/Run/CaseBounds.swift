// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import ResultStore
import Simulator

/// The bounds of one case on every machine, from the plans alone.
struct CaseBounds {
  let plan: Plan
  /// Dense attention in Float32 at the same sizes: the baseline of every bound.
  let dense: Plan
  private let tiles: TileOutcome
  private let engineTile: TileSize

  /// The bounds of `known`, the plan with what a run told about it; nil takes the mechanism's own.
  ///
  /// - Throws: ``SimulatorError`` if tiles that the suite asks for do not fit the mask.
  init(_ item: CaseSpecification, plan known: Plan? = nil, kernels: KernelTable) throws {
    plan = known ?? item.mechanism.plan
    dense = try Flash(NoParameters(), shape: Self.denseShape(item.shape)).plan
    engineTile = kernels.tile(of: plan)
    var layout = TileLayout.engine(engineTile)
    if let query = item.simulation.queryTile, let key = item.simulation.keyTile {
      layout = .tiles(TilePair(query: query, key: key), .static)
    }
    tiles = try TileOutcome(plan: plan, dense: dense, layout: layout)
  }

  /// Expected tiles of all heads where keys are chosen by the data; the actual ones are unknown.
  func selection() throws -> SelectedTilesRecord? {
    guard case .attendSelected(let stage) = plan.stages.first, stage.pastBlocks != nil else {
      return nil
    }
    let expected = try ExpectedSelection(stage, shape: plan.shape, tile: engineTile)
    let heads = plan.shape.batch * plan.shape.queryHeads
    return SelectedTilesRecord(
      denseTiles: heads * expected.denseTiles,
      expectedTiles: Double(heads) * expected.tilesVisited,
      actualTiles: .absent(reason: "the case was not run, so nothing was chosen"))
  }

  /// Dense attention knows no grid.
  static func denseShape(_ shape: AttentionShape) throws -> AttentionShape {
    try shape.with(grid: .some(nil))
  }

  /// Tiles of one head by closed form.
  var tileCounts: Known<TileCounts> {
    comparison.map { comparison in
      let own = comparison.mechanism
      return TileCounts(
        total: own.tilesTotal, visited: own.tilesVisited, full: own.tilesFull,
        worst: own.tilesWorst, densePerQueryTile: own.denseTilesPerQueryTile,
        evaluatedPairs: own.evaluatedPairs)
    }
  }

  /// How an engine's own tiles differ from the simulated ones, or nil.
  func difference(from engine: TileCounts?) -> String? {
    guard let engine, let simulated = tileCounts.value else { return nil }
    let pairs = [
      ("visited tiles", engine.visited, simulated.visited),
      ("full tiles", engine.full, simulated.full),
      ("evaluated pairs", engine.evaluatedPairs, simulated.evaluatedPairs),
    ]
    return pairs.first { $0.1 != $0.2 }.map {
      "the engine schedules \($0.1) \($0.0), the simulator counts \($0.2)"
    }
  }

  func record(machines: [Machine]) throws -> BoundsRecord {
    let own = plan.operations.products
    return BoundsRecord(
      flop: own > 0
        ? .value(Double(dense.operations.products) / Double(own))
        : .absent(reason: "the mechanism has no products"),
      tile: comparison.map(\.tileBound), worstTile: comparison.map(\.worstTileBound),
      machines: try machines.map(bound))
  }

  private var comparison: Known<TileComparison> {
    switch tiles {
    case .counted(let comparison): .value(comparison)
    case .notApplicable(let reason): .absent(reason: reason)
    }
  }

  private func bound(on machine: Machine) throws -> MachineBound {
    let own = try plan.floor(on: machine)
    let base = try dense.floor(on: machine)
    return MachineBound(
      machine: machine.id, precision: precision(own, plan),
      densePrecision: precision(base, dense),
      roofline: Self.roofline(own, base),
      floorSeconds: .value(own.seconds), denseFloorSeconds: .value(base.seconds),
      bindingCeiling: label(own), denseBindingCeiling: label(base),
      unpriced: own.unpriced.map(\.rawValue))
  }

  /// The ratio of two floors, unless work that only the mechanism has is missing from its floor.
  static func roofline(_ own: RooflineFloor, _ dense: RooflineFloor) -> Quantity {
    let missing = own.unpriced.filter { !dense.unpriced.contains($0) }.map(\.rawValue)
    guard missing.isEmpty else {
      return .absent(
        reason: "the machine has no rate for \(missing.joined(separator: ", ")), which the "
          + "mechanism needs and dense attention does not")
    }
    guard own.seconds > 0 else { return .absent(reason: "nothing is priced") }
    return .value(dense.seconds / own.seconds)
  }

  private func label(_ floor: RooflineFloor) -> Known<String> {
    floor.binding.map { .value($0.label) } ?? .absent(reason: "nothing is priced")
  }

  private func precision(_ floor: RooflineFloor, _ plan: Plan) -> String {
    plan.precisionName(on: floor)
  }
}

extension Plan {
  /// The element types of the products that `floor` priced.
  ///
  /// They are those of the plan, or the machine's own where the plan's are Float32. Mean queries in
  /// Float32 beside quantised products do not count.
  func precisionName(on floor: RooflineFloor) -> String {
    if case .attend(let attend) = stages.first, attend.quantisation != nil { return precisionName }
    return floor.repricedPrecision?.rawValue ?? precisionName
  }

  /// The element types of the plan's products, such as `f32` or `int8+bf16`.
  public var precisionName: String {
    for stage in stages {
      if case .attend(let attend) = stage { return attend.precision.name }
      if case .attendSelected(let selected) = stage { return selected.precision.name }
      if case .decode(let decode) = stage { return decode.keyValuePrecision.name }
    }
    return AttendPrecision.float32.name
  }
}
