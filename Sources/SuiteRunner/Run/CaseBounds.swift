// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import ResultStore
import Simulator

/// The bounds of one case on every machine, from the plans alone.
struct CaseBounds {
  let plan: Plan
  /// Dense attention in Float32 at the same sizes: the baseline of every bound.
  let dense: Plan

  init(_ item: CaseSpecification) throws {
    plan = item.mechanism.plan
    dense = try Flash(NoParameters(), shape: Self.denseShape(item.shape)).plan
  }

  /// Dense attention knows no grid.
  static func denseShape(_ shape: AttentionShape) throws -> AttentionShape {
    try shape.with(grid: .some(nil))
  }

  /// - Parameter tiles: tiles of one head, where an engine works in tiles.
  func record(tiles: Known<TileCounts>, machines: [Machine]) throws -> BoundsRecord {
    let own = plan.operations.products
    let flop: Quantity =
      own > 0
      ? .value(Double(dense.operations.products) / Double(own))
      : .absent(reason: "the mechanism has no products")
    return BoundsRecord(
      flop: flop,
      tile: tiles.map { Double($0.total) / Double(max($0.visited, 1)) },
      worstTile: tiles.map { Double($0.densePerQueryTile) / Double(max($0.worst, 1)) },
      machines: try machines.map(bound))
  }

  private func bound(on machine: Machine) throws -> MachineBound {
    let own = try plan.floor(on: machine)
    let base = try dense.floor(on: machine)
    let ratio: Quantity =
      own.seconds > 0 ? .value(base.seconds / own.seconds) : .absent(reason: "nothing is priced")
    return MachineBound(
      machine: machine.id, precision: precision(own, plan),
      densePrecision: precision(base, dense), roofline: ratio,
      floorSeconds: .value(own.seconds), denseFloorSeconds: .value(base.seconds),
      bindingCeiling: label(own), denseBindingCeiling: label(base),
      unpriced: own.unpriced.map(\.rawValue))
  }

  private func label(_ floor: RooflineFloor) -> Known<String> {
    floor.binding.map { .value($0.label) } ?? .absent(reason: "nothing is priced")
  }

  private func precision(_ floor: RooflineFloor, _ plan: Plan) -> String {
    floor.repricedPrecision?.rawValue ?? plan.precisionName
  }
}

extension Plan {
  /// The element types of the plan's products, such as `f32` or `int8+bf16`.
  public var precisionName: String {
    for stage in stages {
      if case .attend(let attend) = stage { return attend.precision.name }
    }
    return AttendPrecision.float32.name
  }
}
