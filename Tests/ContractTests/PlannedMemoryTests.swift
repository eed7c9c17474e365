// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import Testing

/// What a plan says of an engine's memory before it is taken, and what the engine then has.
@Suite struct PlannedMemoryTests {
  @Test(arguments: ContractCase.all)
  func theEngineTakesWhatItsPlanSays(item: ContractCase) throws {
    let context = try Contexts.best
    for shape in try item.shapes(length: 2048).prefix(2) {
      let mechanism = try MechanismCatalogue.entry(item.id).make(item.overrides, shape: shape)
      let engine = try Engines.prepare(
        mechanism.plan, weights: mechanism.drawWeights(Seed(1)), context: context)
      let planned = PlannedMemory(mechanism.plan, context: context).bytes
      // Some engines count weights that they keep among their own; others only refer to them.
      let weights = mechanism.weightSpecifications
        .reduce(0) { $0 + 4 * Extents($1.extents).count }
      // Blocks of rows per worker and tile schedules are no part of the plan; a tensor has 2 MiB.
      let slack = max(engine.workspaceBytes / 10, 5 << 19)
      #expect(engine.workspaceBytes <= planned + weights + slack, "\(shape)")
      #expect(planned <= engine.workspaceBytes + slack, "\(shape)")
    }
  }
}
