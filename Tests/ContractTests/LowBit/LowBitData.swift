// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import SuiteRunner
import Testing

/// Problems of the accuracy tables of low-bit attention: 512 queries, 4096 keys, one head of 128.
struct LowBitData {
  let shape: AttentionShape
  let inputs: AttentionInputs
  /// Dense attention in Double, every eighth row.
  let dense: ReferenceOutput
  let rows: [Int]

  init(
    _ input: GeneratedInput, keys: Int = 4096, seed: Int = 1, valueBias: Float = 0
  ) throws {
    shape = try AttentionShape(queryLength: 512, keyLength: keys, headDim: 128)
    inputs = InputGenerator(seed: Seed(UInt64(seed))).inputs(
      input, kind: .queryKeyValue, shape: shape)
    if case .queryKeyValue(_, _, let value) = inputs {
      for index in 0..<value.count { value[index] += valueBias }
    }
    rows = Array(stride(from: 0, to: 512, by: 8))
    dense = SoftmaxReference.dense(
      ReferenceProblem(shape: shape, inputs: inputs), queries: rows)
  }

  /// The distance of a mechanism from dense attention.
  func error(_ id: String, _ overrides: [String: String] = [:]) throws -> OutputComparison {
    let mechanism = try MechanismCatalogue.entry(id).make(overrides, shape: shape)
    let engine = try Engines.prepare(mechanism.plan, context: Contexts.best)
    let output = Tensor<Float>(shape.outputExtents)
    engine.run(inputs, into: output)
    return OutputComparison(output, dense, rows: rows)
  }
}
