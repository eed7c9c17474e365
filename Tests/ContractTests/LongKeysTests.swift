// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionReference
import SuiteRunner
import Testing

/// More keys and values than a core keeps: strips of queries take them together, block by block.
@Suite struct LongKeysTests {
  private static let keyLength = 2501
  /// Strips and lengths that end within a block, at its end and within a tile.
  private static let cases: [(id: String, queries: Int, causality: Causality)] = [
    ("flash", 1, .none), ("flash", 100, .none), ("flash", 600, .bottomRight),
    ("flash", 2501, .topLeft), ("alibi", 333, .bottomRight),
  ]

  private static func shape(
    _ queries: Int, _ causality: Causality, keys: Int = keyLength
  ) throws -> AttentionShape {
    try AttentionShape(
      queryHeads: 2, keyValueHeads: 1, queryLength: queries, keyLength: keys, headDim: 256,
      valueDim: 200, causality: causality)
  }

  /// Without biases: those of far keys round by more than the tolerance, in groups or not.
  @Test(arguments: cases.indices.filter { cases[$0].id == "flash" })
  func agreeWithTheOracleAndCountTheirWork(at index: Int) throws {
    let item = Self.cases[index]
    let shape = try Self.shape(item.queries, item.causality)
    let problem = try ContractProblem(ContractCase(item.id), shape: shape)
    let tolerance = Tolerance(problem.mechanism.plan)
    let oracle = problem.oracle(nil)
    for context in Contexts.single {
      let (output, engine) = try problem.run(context)
      #expect(OutputComparison(output, oracle).relativeL2 <= tolerance.relativeL2)
      #expect(engine.counts.exact == engine.expectedCounts)
    }
  }

  /// Units of two workers are shorter, those of few strips hold a single one.
  @Test(arguments: cases.indices)
  func groupsOfAnySizeGiveTheSameBits(at index: Int) throws {
    let item = Self.cases[index]
    let shape = try Self.shape(item.queries, item.causality)
    let problem = try ContractProblem(ContractCase(item.id), shape: shape, input: .sinkLocal)
    let single = try problem.run(Contexts.best)
    let pair = try problem.run(Contexts.pair)
    #expect(single.output.array.map(\.bitPattern) == pair.output.array.map(\.bitPattern))
  }

  /// Where keys are few, the scratch is that of one strip.
  @Test func onlyLongKeysAreShared() throws {
    let bytes = try [Self.keyLength, 1000].map { keys in
      let shape = try Self.shape(100, .none, keys: keys)
      return try ContractProblem(ContractCase("flash"), shape: shape).run(Contexts.best)
        .engine.workspaceBytes
    }
    #expect(bytes[0] > 12 * bytes[1])
  }
}
