// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import SuiteRunner
import Testing

/// What block selection promises beside the contract of every mechanism.
@Suite struct SelectionTests {
  /// Budgets with which a mechanism keeps every visible pair.
  static let fullBudgets: [ContractCase] = [
    ContractCase("moba", ["blockSize": "48", "topK": "99"]),
    ContractCase("moba", ["blockSize": "48", "topK": "99", "order": "byQuery"]),
    ContractCase("vmoba", ["chunk": "48", "threshold": "1"]),
    ContractCase("vmoba", ["chunk": "48", "mode": "top", "topK": "99", "scope": "row"]),
    ContractCase(
      "vmoba", ["chunk": "2x4x4", "threshold": "1", "scope": "overall"], grid: [4, 9, 8]),
    ContractCase("biformer", ["regions": "3", "topK": "9"], grid: [14, 16]),
    ContractCase("minference-block", ["blockSize": "48", "topK": "99"]),
    ContractCase("sparge", ["queryBlock": "64", "keyBlock": "32", "cumulative": "1"]),
    ContractCase("sparge", ["queryBlock": "64", "keyBlock": "32", "similarity": "1"]),
    ContractCase("seer", ["blockSize": "32", "method": "ratio", "nonzeroRatio": "1"]),
    ContractCase("seer", ["blockSize": "32", "lastRows": "99"]),
  ]

  @Test(arguments: fullBudgets)
  func aFullBudgetIsDenseAttention(item: ContractCase) throws {
    for shape in try item.shapes(length: 333) {
      let problem = try ContractProblem(item, shape: shape, input: .sinkLocal)
      let dense = SoftmaxReference.dense(ReferenceProblem(shape: shape, inputs: problem.inputs))
      let (output, engine) = try problem.run(Contexts.best)
      let comparison = OutputComparison(output, dense)
      #expect(comparison.relativeL2 <= Tolerance(problem.mechanism.plan).relativeL2, "\(shape)")
      let stage = try #require(problem.mechanism.plan.selectingStage)
      let selection = try #require(engine.selection)
      let pairs = shape.batch * shape.queryHeads * MaskRule.sequence.attendedPairs(shape: shape)
      #expect(stage.attendedPairs(of: selection, shape: shape) == pairs)
    }
  }

  /// Every contract case of a selecting mechanism, in both orders.
  static let orders = ContractCase.all.filter { item in
    MechanismCatalogue.entries.first { $0.id == item.id }?
      .parameters.contains { $0.name == "order" } == true
  }

  @Test(arguments: orders)
  func bothOrdersOfExecutionAgree(item: ContractCase) throws {
    let orders = ["byBlock", "byQuery"].map {
      ContractCase(item.id, item.overrides.merging(["order": $0]) { $1 }, grid: item.grid)
    }
    for shape in try item.shapes(length: 197) {
      let runs = try orders.map {
        try ContractProblem($0, shape: shape, input: .sinkLocal).run(Contexts.best)
      }
      #expect(runs[0].engine.selection?.ids == runs[1].engine.selection?.ids)
      let reference = ReferenceOutput(
        extents: shape.outputExtents, values: runs[0].output.array.map(Double.init))
      let tolerance = Tolerance(
        try MechanismCatalogue.entry(item.id).make(item.overrides, shape: shape).plan)
      // Each is within the tolerance of the same oracle.
      let difference = OutputComparison(runs[1].output, reference).relativeL2
      #expect(difference <= 2 * tolerance.relativeL2, "\(shape)")
    }
  }

  /// The plan's bounds hold for what a run selects, and are met where nothing depends on the data.
  @Test(arguments: orders)
  func pairsLieWithinThePlannedBounds(item: ContractCase) throws {
    for shape in try item.shapes(length: 197) {
      let problem = try ContractProblem(item, shape: shape)
      let stage = try #require(problem.mechanism.plan.selectingStage)
      let selection = try #require(try problem.run(Contexts.best).engine.selection)
      let heads = shape.batch * shape.queryHeads
      let bounds = stage.pairBounds(shape: shape)
      let pairs = stage.attendedPairs(of: selection, shape: shape)
      #expect(pairs >= heads * bounds.lowerBound && pairs <= heads * bounds.upperBound)
      if let planned = stage.attendedPairs(shape: shape) { #expect(pairs == heads * planned) }
    }
  }
}
