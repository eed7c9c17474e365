// SPDX-License-Identifier: MIT

import AttentionCore

/// What a mechanism can gain over dense attention on one machine, bound by bound.
public struct BoundReport: Hashable, Sendable, Codable {
  public let machine: String
  /// Product operations of dense attention.
  public let denseProducts: Int
  /// Product operations of the mechanism.
  public let products: Int
  public let tiles: TileOutcome
  public let dense: RooflineFloor
  public let mechanism: RooflineFloor

  /// The bounds of `plan` against the plan `dense`.
  ///
  /// `layout` defaults to the project's own tiles. Each head counts alike, so tiles are those of
  /// one head. `extraWork` is what this machine's kernels need beside the plan, such as
  /// `StageWork.tokenPermutation`.
  /// - Throws: ``SimulatorError`` if the layout does not fit the plan's mask or a count exceeds
  ///   64 bits.
  public init(
    plan: Plan, dense: Plan, machine: Machine, layout: TileLayout = .engine(.standard),
    extraWork: [StageWork] = []
  ) throws(SimulatorError) {
    self.machine = machine.id
    try plan.checkWork()
    mechanism = RooflineFloor(work: plan.work + extraWork, machine: machine)
    self.dense = try dense.floor(on: machine)
    products = plan.operations.products
    denseProducts = dense.operations.products
    tiles = try TileOutcome(plan: plan, dense: dense, layout: layout)
  }

  /// Dense product operations over the mechanism's; nil where the mechanism has no products.
  public var flopBound: Double? {
    products > 0 ? Double(denseProducts) / Double(products) : nil
  }

  public var tileBound: Double? { comparison?.tileBound }
  public var worstTileBound: Double? { comparison?.worstTileBound }

  /// The dense floor over the mechanism's; nil where nothing of the mechanism could be priced, or
  /// not all of what it needs beyond dense attention's classes of work.
  ///
  /// It bounds the ratio of two kernels that are equally close to their floors, and no other ratio.
  public var rooflineBound: Double? {
    guard mechanism.seconds > 0, mechanism.unpriced.allSatisfy(dense.unpriced.contains) else {
      return nil
    }
    return dense.seconds / mechanism.seconds
  }

  /// Classes that either side needs and the machine has no rate for; the roofline bound is then
  /// only that of the other classes.
  public var unpriced: [OperationClass] {
    OperationClass.allCases.filter {
      mechanism.unpriced.contains($0) || dense.unpriced.contains($0)
    }
  }

  private var comparison: TileComparison? {
    if case .counted(let comparison) = tiles { comparison } else { nil }
  }
}
