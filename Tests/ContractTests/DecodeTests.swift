// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import SuiteRunner
import Testing

/// What decode attention promises beside the contract of every mechanism.
@Suite struct DecodeTests {
  static let precisions = ["float32", "bfloat16", "int8"]

  private func problem(
    _ shape: AttentionShape, precision: String, splits: Int = 0
  ) throws -> ContractProblem {
    try ContractProblem(
      ContractCase(
        "split-kv", ["keyValuePrecision": precision, "splits": "\(splits)"]), shape: shape)
  }

  @Test(arguments: precisions, [1, 2, 3, 4, 5, 7, 8, 32])
  func everyGroupSizeAgreesWithTheOracle(precision: String, group: Int) throws {
    for (queries, dims) in [(1, (128, 128)), (3, (17, 130)), (16, (72, 5))] {
      let shape = try AttentionShape(
        batch: 2, queryHeads: 2 * group, keyValueHeads: 2, queryLength: queries, keyLength: 333,
        headDim: dims.0, valueDim: dims.1, causality: .bottomRight)
      let problem = try problem(shape, precision: precision, splits: 4)
      let oracle = problem.oracle(nil)
      for context in Contexts.single {
        let (output, engine) = try problem.run(context)
        let comparison = OutputComparison(output, oracle)
        #expect(
          comparison.relativeL2 <= Tolerance(problem.mechanism.plan).relativeL2,
          "\(shape) \(context.kernels.instructionSet.rawValue)")
        #expect(engine.counts.exact == engine.expectedCounts)
      }
    }
  }

  @Test(arguments: precisions)
  func theNumberOfRangesChangesRoundingOnly(precision: String) throws {
    let shape = try AttentionShape(
      queryHeads: 8, keyValueHeads: 2, queryLength: 1, keyLength: 5000, headDim: 64)
    let whole = try problem(shape, precision: precision, splits: 1).run(Contexts.best).output
    for splits in [0, 2, 7, 79, 5000] {
      let output = try problem(shape, precision: precision, splits: splits)
        .run(Contexts.best).output
      let difference = zip(whole.array, output.array).map { abs($0 - $1) }.max() ?? 0
      // Outputs are means of 5000 values: below 0.1, with Float32 roundings of a few 1e-8.
      #expect(difference < 1e-6, "\(splits) ranges")
    }
  }

  @Test func queriesBeforeTheFirstKeyGiveZeros() throws {
    let shape = try AttentionShape(
      queryHeads: 4, keyValueHeads: 2, queryLength: 9, keyLength: 5, headDim: 16,
      causality: .bottomRight)
    for precision in Self.precisions {
      let output = try problem(shape, precision: precision).run(Contexts.best).output
      for head in 0..<4 {
        let rows = output.array[head * 9 * 16..<(head + 1) * 9 * 16]
        #expect(rows.prefix(4 * 16).allSatisfy { $0 == 0 })
        #expect(rows.suffix(5 * 16).allSatisfy { $0.isFinite && $0 != 0 })
      }
    }
  }

  /// The packed cache is a copy: only other tensors are packed anew.
  @Test(arguments: ["bfloat16", "int8"])
  func aCacheIsPackedOncePerTensor(precision: String) throws {
    let shape = try AttentionShape(queryLength: 1, keyLength: 100, headDim: 32)
    let problem = try problem(shape, precision: precision)
    let (first, engine) = try problem.run(Contexts.best)
    guard case .queryKeyValue(let query, let key, let value) = problem.inputs else { return }
    let before = first.array
    let other = Tensor<Float>(value.extents, value.array.map { -$0 })
    value.elements.update(repeating: 1)
    engine.run(problem.inputs, into: first)
    #expect(first.array == before)
    engine.run(.queryKeyValue(query: query, key: key, value: other), into: first)
    #expect(first.array == before.map { -$0 })
  }

  @Test func theWorkIsThatOfTheStoredCache() throws {
    let shape = try AttentionShape(
      queryHeads: 32, keyValueHeads: 8, queryLength: 1, keyLength: 32768, headDim: 128)
    let bytes = try Self.precisions.map { precision in
      try problem(shape, precision: precision).mechanism.plan.work[0].bytesRead - 4 * 32 * 128
    }
    // 8 heads of 32768 keys: 2 x 512, 2 x 256, and 2 x 128 bytes with a scale of 4 per key.
    #expect(bytes == [268_435_456, 134_217_728, 68_157_440])
  }
}
