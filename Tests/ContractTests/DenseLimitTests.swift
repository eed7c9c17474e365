// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import AttentionReference
import SuiteRunner
import Testing

/// Parameters at which a mechanism must be dense attention, and others at which two must agree.
@Suite struct DenseLimitTests {
  /// Every mechanism of the text families with a budget that covers everything.
  static let dense: [ContractCase] = [
    ContractCase("a-shape", ["window": "400"]), ContractCase("a-shape", ["sinks": "197"]),
    ContractCase("tri-shape", ["fullQueries": "197"]),
    ContractCase("mswa", ["window": "6400", "layerGroup": "3"]),
    ContractCase("s2-attention", ["blockSize": "16", "verticalStride": "1"]),
    ContractCase("s2-attention", ["blockSize": "16", "localBlocks": "13"]),
    ContractCase("s2-attention", ["blockSize": "16", "denseHeads": "4"]),
    ContractCase("bigbird", ["blockSize": "32"]),
    ContractCase("longformer", ["window": "400"]),
    ContractCase("longformer", ["window": "2", "globalTokens": "197"]),
    ContractCase("sparse-transformer", ["stride": "1", "summaryKeys": "1"]),
    ContractCase("sparse-transformer", ["stride": "197"]),
    ContractCase("longlora-shift", ["groups": "1", "shiftedShare": "0"]),
    ContractCase("sinklora", ["sinks": "197"]),
    ContractCase("scca", ["shift": "dilated", "dilation": "1"]),
    ContractCase("duo", ["retrievalShare": "1"]), ContractCase("duo", ["window": "300"]),
    ContractCase("razor", ["retrievalShare": "1", "window": "1"]), ContractCase("razor"),
    ContractCase("moa-sparse", ["betaLeast": "1", "betaMost": "1"]),
    ContractCase("blockrank", ["instruction": "0", "documents": "1", "question": "0"]),
    ContractCase("block-attention", ["documents": "1", "question": "0"]),
    ContractCase("block-sparse-flash", ["mask": "random", "density": "1"]),
    ContractCase("memory-efficient", ["keyChunk": "64"]), ContractCase("fusemax"),
    ContractCase("flex", ["mask": "window", "window": "400"]),
    ContractCase("flex", ["mask": "document", "documents": "1"]),
    ContractCase("gqa"),
  ]

  @Test(arguments: dense)
  func aBudgetThatCoversEverythingIsDenseAttention(item: ContractCase) throws {
    let shapes = try item.shapes(length: 197)
    #expect(!shapes.isEmpty)
    for shape in shapes {
      let problem = try ContractProblem(item, shape: shape)
      let output = try problem.run(Contexts.best).output
      let dense = SoftmaxReference.dense(
        ReferenceProblem(shape: shape, inputs: problem.inputs))
      // Float32 online softmax over 200 keys.
      #expect(OutputComparison(output, dense).relativeL2 < 2e-6, "\(shape)")
    }
  }

  @Test func aCompensationTokenStandsForEqualKeysExactly() throws {
    let shape = try AttentionShape(
      queryHeads: 2, queryLength: 5, keyLength: 90, headDim: 16, causality: .bottomRight)
    let item = ContractCase("razor", ["retrievalShare": "0", "sinks": "4", "window": "20"])
    let problem = try ContractProblem(item, shape: shape)
    guard case .queryKeyValue(_, let key, _) = problem.inputs else { return }
    // Keys 4 ..< 65 are dropped; their values stay different.
    for head in 0..<2 {
      let rows = key.matrix(batch: 0, head: head)
      for row in 5..<65 {
        (rows + row * 16).update(from: rows + 4 * 16, count: 16)
      }
    }
    let output = try problem.run(Contexts.best).output
    let dense = SoftmaxReference.dense(ReferenceProblem(shape: shape, inputs: problem.inputs))
    #expect(OutputComparison(output, dense).relativeL2 < 2e-6)
  }

  @Test func headsOfAShardedMechanismSeeEveryBlockTogether() throws {
    let shape = try AttentionShape(
      queryHeads: 4, queryLength: 160, headDim: 8, causality: .bottomRight)
    let mechanism = try MechanismCatalogue.entry("s2-attention").make(
      ["blockSize": "8", "localBlocks": "1", "verticalStride": "4"], shape: shape)
    guard case .attend(let stage) = mechanism.plan.stages[0],
      case .patterns(let heads) = stage.rule
    else { return #expect(Bool(false), "a sharded mechanism has patterns") }
    let seen = heads.ofHead.reduce(into: Set<Int>()) { seen, pattern in
      for span in heads.patterns[pattern].keys.spans(of: 159, keyLength: 160) {
        seen.formUnion(span)
      }
    }
    #expect(seen == Set(0..<160))
  }
}
