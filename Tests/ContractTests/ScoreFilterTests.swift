// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import SuiteRunner
import Testing

/// Blocks that are chosen, scored, and then left out because they weigh nothing.
@Suite struct ScoreFilterTests {
  /// Every query knows the first key and little else.
  private static func problem(
    below: String, keyBlock: String = "32", shape: AttentionShape, sink: Float
  ) throws -> ContractProblem {
    let item = ContractCase(
      "sparge",
      ["queryBlock": "64", "keyBlock": keyBlock, "cumulative": "1", "skipBelow": below])
    let problem = try ContractProblem(item, shape: shape)
    guard case .queryKeyValue(let query, let key, _) = problem.inputs else { return problem }
    for batch in 0..<shape.batch {
      for head in 0..<shape.queryHeads {
        let rows = query.matrix(batch: batch, head: head)
        for row in 0..<shape.queryLength { rows[row * shape.headDim] = 4 }
      }
      for head in 0..<shape.keyValueHeads { key.matrix(batch: batch, head: head)[0] = sink }
    }
    return problem
  }

  private static func shape() throws -> AttentionShape {
    try AttentionShape(
      batch: 2, queryHeads: 4, keyValueHeads: 2, queryLength: 333, headDim: 24,
      causality: .bottomRight)
  }

  /// What was left out is what the rule says in Double, and counted pair by pair; values follow.
  ///
  /// Blocks of 128 keys are more than some kernels weigh before they turn to the values.
  @Test(
    arguments: Contexts.single.indices,
    [("32", "6"), ("32", "13"), ("32", "14.5"), ("128", "12"), ("128", "13")])
  func blocksAreLeftOutAsTheRuleInDoubleSays(
    context: Int, block: (keys: String, below: String)
  ) throws {
    let shape = try Self.shape()
    let problem = try Self.problem(
      below: block.below, keyBlock: block.keys, shape: shape, sink: 16)
    let (output, engine) = try problem.run(Contexts.single[context])
    let selection = try #require(engine.selection)
    let reference = ReferenceProblem(
      shape: shape, inputs: problem.inputs, weights: problem.weights, selection: selection)
    #expect(problem.mechanism.selectionDefects(reference).isEmpty)
    let oracle = problem.mechanism.oracle(reference)
    #expect(
      OutputComparison(output, oracle).relativeL2 <= Tolerance(problem.mechanism.plan).relativeL2)
    #expect(engine.counts.exact == engine.expectedCounts)
    let leftOut = try #require(engine.counts.pairsLeftOut)
    #expect(leftOut > 0 && leftOut < engine.counts.pairsEvaluated)
    let stage = try #require(problem.mechanism.plan.selectingStage)
    // Lanes that see none of a block's keys are evaluated, if not attended.
    let pairs = stage.leftOutPairs(of: selection, shape: shape)
    #expect(pairs > 0 && pairs <= leftOut)
    let plan = problem.mechanism.plan.realised(selection)
    let all = stage.attendedPairs(of: selection, shape: shape)
    let products = 2 * all * shape.headDim + 2 * (all - pairs) * shape.valueDim
    let attend = try #require(
      plan.stages.first?.work(shape: shape).first { $0.name == "attend" })
    #expect(attend.operations[.float32] == products)
  }

  /// A row loses at most 2^-below per key of what it weighs, and nothing without a threshold.
  @Test(arguments: [("12", 0x1p-12), ("1e9", 0), ("0", 0)])
  func whatIsLostIsBoundByTheThreshold(below: String, weight: Double) throws {
    let shape = try Self.shape()
    let problem = try Self.problem(below: below, shape: shape, sink: 16)
    let output = try problem.run(Contexts.best).output
    let dense = SoftmaxReference.dense(ReferenceProblem(shape: shape, inputs: problem.inputs))
    // Twice what is dropped, of the largest value, in every element.
    let largest = dense.values.map(abs).max() ?? 0
    let lost = 2 * Double(shape.keyLength) * weight * 4 * largest
    let tolerance = Tolerance(problem.mechanism.plan).relativeL2 * largest * 10
    let worst = zip(output.array, dense.values).map { abs(Double($0) - $1) }.max() ?? 0
    #expect(worst <= lost + tolerance)
    if weight > 0 { #expect(worst > 0) }
  }

  @Test func ordersWithoutAFilterTakeNoThresholdThatShows() throws {
    let shape = try Self.shape()
    for overrides in [
      ["order": "byBlock"], ["scores": "int8"], ["queryBlock": "16"], ["keyBlock": "256"],
    ] {
      let entry = try MechanismCatalogue.entry("sparge")
      #expect(throws: MechanismError.self) {
        try entry.make(overrides.merging(["skipBelow": "39"]) { $1 }, shape: shape)
      }
      let plan = try entry.make(overrides, shape: shape).plan
      #expect(plan.selectingStage?.leftOutBelow == nil)
    }
    #expect(throws: MechanismError.self) {
      try MechanismCatalogue.entry("sparge").make(["skipBelow": "-1"], shape: shape)
    }
  }
}
