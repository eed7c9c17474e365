// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Exact softmax attention in one, two or three passes over the keys.
///
/// Three passes: the maximum of a row of scores, then exponentials and their sum, then the division.
/// Two passes: exponentials and sums relative to the maximum of each tile of `keyTile` keys, then
/// their correction to the maximum of the row. One pass: the online softmax of ``Flash``. The scores
/// of a block of queries stand in memory between passes. Tensors are those of ``Flash``.
///
/// - Requires: `passes` in 1...3 and `keyTile >= 1`, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact in every form; the forms differ in what they must hold or read again.
///
/// Source: Nayak et al., *FuseMax: Leveraging Extended Einsums to Optimize Attention Accelerator
/// Design* (2024), arXiv:2406.10491, section 4.
public struct FuseMax: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var passes = 2
    public var keyTile = 256

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("passes", \.passes, "Passes over the keys.", changesResult: false),
      ParameterField(
        "keyTile", \.keyTile, "Two passes: keys that share a first maximum.",
        changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "fusemax", title: "FuseMax cascades", family: .exact,
    origin: Citation(
      "FuseMax: Leveraging Extended Einsums to Optimize Attention Accelerator Design",
      arXiv: "2406.10491", year: 2024),
    summary: "Exact attention in one, two or three passes over the keys.",
    patterns: Set(AttentionPattern.allCases), exactness: .exact,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "2 pairs (headDim + valueDim) operations; two passes: tokens / keyTile more exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard (1...3).contains(parameters.passes) else {
      throw .outOfRange(
        parameter: "passes", value: "\(parameters.passes)", rule: "it must be 1, 2 or 3")
    }
    try Self.require("keyTile", parameters.keyTile, atLeast: 1)
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    switch parameters.passes {
    case 1: Plan(shape: shape, stages: [.attend(Attend())])
    case 2: explicit(.two(keyTile: parameters.keyTile))
    default: explicit(.three)
    }
  }

  private func explicit(_ passes: ExplicitScores.Passes) -> Plan {
    Plan(
      shape: shape, stages: [.explicitScores(ExplicitScores(products: .blas, passes: passes))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    SoftmaxReference.dense(problem)
  }
}
