// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import ResultStore

/// Compares a kernel with its mechanism's oracle at a size that Double arithmetic can afford.
struct Verification {
  let error: OracleError
  let measured: EngineCounts
  let expected: EngineCounts?
  /// Why the case failed, or nil.
  let defect: String?

  /// Multiply-adds in Double that one verification may cost: well under a second.
  static let affordableWork = 150_000_000

  /// - Throws: ``EngineError`` if no engine takes the plan.
  init(_ item: CaseSpecification, sources: InputSource, context: ExecutionContext) throws {
    let problem = try ReducedProblem(item, affordableWork: Self.affordableWork)
    let mechanism = problem.mechanism
    let shape = problem.shape
    let inputs = try sources.inputs(problem.input, kind: mechanism.card.inputs, shape: shape)
    let weights = mechanism.drawWeights(sources.seed.child("weights"))
    let engine = try Engines.prepare(mechanism.plan, weights: weights, context: context)
    let output = Tensor<Float>(mechanism.outputExtents)
    engine.run(inputs, into: output)
    let reference = ReferenceProblem(
      shape: shape, inputs: inputs, weights: weights, selection: engine.selection)
    let comparison = OutputComparison(output, mechanism.oracle(reference))
    let tolerance = Tolerance(mechanism.plan)
    let isClose = comparison.relativeL2 <= tolerance.relativeL2
    measured = engine.counts
    expected = engine.expectedCounts
    let selectionDefects = engine.selection == nil ? [] : mechanism.selectionDefects(reference)
    error = OracleError(
      shape: shape, maxAbsolute: comparison.maxAbsolute, relativeL2: comparison.relativeL2,
      worstRow: comparison.worstRow, passed: isClose && selectionDefects.isEmpty,
      tolerance: tolerance.relativeL2, toleranceReason: tolerance.reason)
    if let first = selectionDefects.first {
      defect = "\(selectionDefects.count) wrong selections at \(shape), first: \(first)"
    } else if !isClose {
      defect =
        "relative L2 error \(comparison.relativeL2) against the oracle at \(shape) exceeds "
        + "\(tolerance.relativeL2)"
    } else if let expected, expected != measured.exact {
      defect = "counted work \(measured.exact) differs from planned work \(expected) at \(shape)"
    } else {
      defect = nil
    }
  }
}

extension AttentionMechanism {
  /// Extents of the output: token features for mixers, heads otherwise.
  public var outputExtents: [Int] {
    card.inputs == .tokens ? plan.shape.tokenExtents : plan.shape.outputExtents
  }
}
