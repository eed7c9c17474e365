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
    let mechanism = try Self.affordable(item)
    let shape = mechanism.plan.shape
    let inputs = try sources.inputs(
      shape == item.shape ? item.input : .generated(item.input.generatedForm),
      kind: mechanism.card.inputs, shape: shape)
    let weights = mechanism.drawWeights(sources.seed.child("weights"))
    let engine = try Engines.prepare(mechanism.plan, weights: weights, context: context)
    let output = Tensor<Float>(mechanism.outputExtents)
    engine.run(inputs, into: output)
    let problem = ReferenceProblem(
      shape: shape, inputs: inputs, weights: weights, selection: engine.selection)
    let comparison = OutputComparison(output, mechanism.oracle(problem))
    let tolerance = Tolerance(mechanism.plan)
    let isClose = comparison.relativeL2 <= tolerance.relativeL2
    measured = engine.counts
    expected = engine.expectedCounts
    let selectionDefects = engine.selection == nil ? [] : mechanism.selectionDefects(problem)
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

  /// The case's mechanism at its own shape, or at the largest reduction that is affordable.
  private static func affordable(_ item: CaseSpecification) throws -> any AttentionMechanism {
    if cost(item.shape) <= affordableWork { return item.mechanism }
    let entry = try MechanismCatalogue.entry(item.mechanismID)
    for shape in reductions(of: item.shape, length: item.mechanism.verificationLength) {
      if let mechanism = try? entry.make(item.overrides, shape: shape) { return mechanism }
    }
    return item.mechanism
  }

  private static func cost(_ shape: AttentionShape) -> Int {
    shape.batch * shape.queryHeads * shape.queryLength * shape.keyLength
      * (shape.headDim + shape.valueDim)
  }

  /// Smaller problems with the same head sizes, smallest first.
  private static func reductions(of shape: AttentionShape, length: Int) -> [AttentionShape] {
    let keyValueHeads = min(shape.keyValueHeads, 2)
    let queryHeads = keyValueHeads * min(shape.headGroup, 2)
    let extra = shape.keyLength - shape.queryLength
    if let grid = shape.grid {
      return [8, 6, 4, 3, 2, 1].compactMap { divisor in
        let axes = grid.values.map { max(($0 + divisor - 1) / divisor, min($0, 5)) }
        let tokens = axes.reduce(1, *)
        return try? shape.with(
          batch: 1, queryHeads: queryHeads, keyValueHeads: keyValueHeads, queryLength: tokens,
          keyLength: tokens + extra, grid: Extents(axes))
      }
    }
    return [197, 333, 500, 1000, 2000, shape.queryLength].compactMap { candidate in
      let queries = min(max(candidate, length), shape.queryLength)
      return try? shape.with(
        batch: 1, queryHeads: queryHeads, keyValueHeads: keyValueHeads, queryLength: queries,
        keyLength: max(queries + min(max(extra, -queries + 1), 67), 1))
    }
  }
}

extension AttentionMechanism {
  /// Extents of the output: token features for mixers, heads otherwise.
  public var outputExtents: [Int] {
    card.inputs == .tokens ? plan.shape.tokenExtents : plan.shape.outputExtents
  }
}

extension InputSpecification {
  /// The kind to generate where captured tensors do not fit a reduced shape.
  var generatedForm: GeneratedInput {
    if case .generated(let input) = self { input } else { .gaussian }
  }
}
