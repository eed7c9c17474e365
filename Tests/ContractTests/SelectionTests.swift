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
    ContractCase(
      "sparge", ["queryBlock": "64", "keyBlock": "32", "cumulative": "1", "skipBelow": "1e9"]),
    ContractCase(
      "sparge", ["queryBlock": "64", "keyBlock": "32", "cumulative": "1", "skipBelow": "0"]),
    ContractCase("seer", ["blockSize": "32", "method": "ratio", "nonzeroRatio": "1"]),
    ContractCase("seer", ["blockSize": "32", "lastRows": "99"]),
    ContractCase("seer-r", ["blockSize": "32", "budget": "100000"]),
    ContractCase("hip", ["maskKeys": "1000"]),
    ContractCase("sale", ["queryBlock": "32", "keyBlock": "16", "threshold": "0"]),
    ContractCase("pbs", ["blockSize": "16", "segment": "32", "mass": "1"]),
    ContractCase("proxyattn", ["blockSize": "32", "headsPerProxy": "2", "mass": "1"]),
    ContractCase("longheads", ["chunkSize": "32", "topK": "99"]),
    ContractCase("dsv", ["cube": "8", "share": "1"]),
    ContractCase("dsv", ["cube": "2x2x2", "share": "1"], grid: [4, 9, 8]),
    ContractCase(
      "psa", ["queryBlock": "64", "whole": "1", "pairs": "1", "fours": "1", "eights": "1"]),
    ContractCase("paro", ["blockSize": "32", "density": "1"]),
    ContractCase("paro", ["blockSize": "32", "density": "1"], grid: [4, 9, 8]),
    ContractCase("dhsa", ["budget": "1024"]),
    ContractCase("minference-vertical-slash", ["columns": "1000"]),
    ContractCase("minference-vertical-slash", ["diagonals": "1000"]),
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
    // INT8 scores are computed by query only.
    item.overrides["scores"] != "int8"
      // A filter that leaves blocks out works by query only, too.
      && item.overrides["skipBelow"] == nil
      && MechanismCatalogue.entries.first { $0.id == item.id }?
        .parameters.contains { $0.name == "order" } == true
  }

  @Test(arguments: orders)
  func ordersOfExecutionAgree(item: ContractCase) throws {
    let orders = ["byBlock", "byQuery", "byRow"].map {
      ContractCase(item.id, item.overrides.merging(["order": $0]) { $1 }, grid: item.grid)
    }
    for shape in try item.shapes(length: 197) {
      let runs = try orders.map {
        try ContractProblem($0, shape: shape, input: .sinkLocal).run(Contexts.best)
      }
      let reference = ReferenceOutput(
        extents: shape.outputExtents, values: runs[0].output.array.map(Double.init))
      let tolerance = Tolerance(
        try MechanismCatalogue.entry(item.id).make(item.overrides, shape: shape).plan)
      for other in runs.dropFirst() {
        #expect(runs[0].engine.selection?.ids == other.engine.selection?.ids)
        #expect(other.engine.counts.exact == other.engine.expectedCounts)
        // Each is within the tolerance of the same oracle.
        let difference = OutputComparison(other.output, reference).relativeL2
        #expect(difference <= 2 * tolerance.relativeL2, "\(shape)")
      }
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

/// Groups of heads that share keys, and with some mechanisms a choice.
@Suite struct SharedSelectionTests {
  static let cases = [
    ContractCase("moba", ["blockSize": "48", "topK": "3"]),
    ContractCase("nsa", ["topK": "4", "window": "40", "blockSize": "32"]),
    ContractCase("seer-r", ["blockSize": "32", "gateDim": "24", "budget": "96"]),
    ContractCase("minference-block", ["blockSize": "48", "topK": "3"]),
    ContractCase("longheads", ["chunkSize": "32", "topK": "4"]),
    ContractCase("landmark", ["blockSize": "20", "topK": "3"]),
    ContractCase("hip", ["maskKeys": "32", "window": "16"]),
    ContractCase("sparge", ["queryBlock": "64", "keyBlock": "32", "similarity": "0.02"]),
    ContractCase("seer", ["blockSize": "32", "gateDim": "24"]),
    ContractCase("minference-vertical-slash", ["columns": "40", "diagonals": "100"]),
    ContractCase("pbs", ["blockSize": "16", "segment": "32"]),
    ContractCase("proxyattn", ["blockSize": "32", "headsPerProxy": "2", "mass": "0.6"]),
    ContractCase("sale", ["queryBlock": "32", "keyBlock": "16", "local": "32"]),
  ]

  @Test(arguments: cases, [1, 2, 3, 8])
  func everyGroupSizeAgreesWithTheOracle(item: ContractCase, group: Int) throws {
    let shape = try AttentionShape(
      batch: 2, queryHeads: 2 * group, keyValueHeads: 2, queryLength: 213, headDim: 24,
      causality: .bottomRight)
    let problem = try ContractProblem(item, shape: shape, input: .sinkLocal)
    let (output, engine) = try problem.run(Contexts.best)
    let reference = ReferenceProblem(
      shape: shape, inputs: problem.inputs, weights: problem.weights, selection: engine.selection)
    let comparison = OutputComparison(output, problem.mechanism.oracle(reference))
    #expect(comparison.relativeL2 <= Tolerance(problem.mechanism.plan).relativeL2)
    #expect(engine.counts.exact == engine.expectedCounts)
    #expect(problem.mechanism.selectionDefects(reference).isEmpty)
  }

  /// One branch alone, with its gate at 1, is what it is made of.
  @Test(arguments: [
    (1, ["topK": "99", "blockSize": "32"]), (2, ["window": "1000"]),
    (0, ["poolLength": "1", "poolStep": "1", "blockSize": "32"]),
  ])
  func aSingleBranchOfNativeSparseAttentionIsDense(
    branch: Int, overrides: [String: String]
  ) throws {
    let shape = try AttentionShape(
      queryHeads: 4, keyValueHeads: 2, queryLength: 213, headDim: 24, causality: .bottomRight)
    let problem = try ContractProblem(ContractCase("nsa", overrides), shape: shape)
    let gates = problem.weights["gates"]
    for index in 0..<gates.count { gates[index] = index % 3 == branch ? 1 : 0 }
    let output = try problem.run(Contexts.best).output
    let dense = SoftmaxReference.dense(ReferenceProblem(shape: shape, inputs: problem.inputs))
    let tolerance = Tolerance(problem.mechanism.plan)
    #expect(OutputComparison(output, dense).relativeL2 <= tolerance.relativeL2)
  }
}

/// Keys at several resolutions.
@Suite struct PyramidTests {
  /// A mean of equal keys, weighed by their number, is those keys.
  @Test(arguments: ["pairs", "fours", "eights"])
  func keysThatAreConstantInPoolsGiveDenseAttentionAtAnyResolution(level: String) throws {
    let shape = try AttentionShape(queryHeads: 2, queryLength: 320, headDim: 16)
    // Two of ten blocks are whole, the others all have one resolution.
    let names = ["whole", "pairs", "fours", "eights"]
    let coarse = names.firstIndex(of: level) ?? 0
    var overrides = ["queryBlock": "64", "keyBlock": "32"]
    for (index, name) in names.enumerated() { overrides[name] = index < coarse ? "0.2" : "1" }
    let item = ContractCase("psa", overrides)
    let problem = try ContractProblem(item, shape: shape)
    guard case .queryKeyValue(_, let key, let value) = problem.inputs else { return }
    for head in 0..<2 {
      for rows in [key.matrix(batch: 0, head: head), value.matrix(batch: 0, head: head)] {
        for row in 0..<320 { (rows + row * 16).update(from: rows + row / 8 * 8 * 16, count: 16) }
      }
    }
    let output = try problem.run(Contexts.best).output
    let dense = SoftmaxReference.dense(ReferenceProblem(shape: shape, inputs: problem.inputs))
    let tolerance = Tolerance(problem.mechanism.plan)
    #expect(OutputComparison(output, dense).relativeL2 <= tolerance.relativeL2)
  }

  /// Lengths are rounded up to multiples, down where ranks end.
  @Test func resolutionsEndAtTheirShares() {
    let search = PyramidSearch(
      ends: [0.1, 0.15, 0.15, 0.35], queryOffsets: [0], keyOffsets: [0], multiples: [1, 1, 2, 4])
    #expect(search.ranks(0) == [0, 0, 0, 0])
    #expect(search.ranks(2) == [1, 1, 1, 1])
    #expect(search.ranks(40) == [4, 6, 6, 14])
    #expect(search.ranks(100) == [10, 15, 15, 35])
    #expect(search.ranks(9) == [1, 1, 1, 5])
  }
}
