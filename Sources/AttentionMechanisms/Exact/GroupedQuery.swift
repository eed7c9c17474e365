// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Exact softmax attention whose query heads share key-value heads.
///
/// The sharing is a property of the shape: `queryHeads` a multiple of `keyValueHeads`. `sharedHeads`
/// states how many key-value heads there must be; 0 takes any. Tensors are those of ``Flash``.
///
/// - Requires: `keyValueHeads == sharedHeads` unless that is 0, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/unsupportedShape(mechanism:shape:rule:)``.
/// - Note: Exact: equals multi-head attention with repeated key-value heads.
///
/// Source: Ainslie et al., *GQA* (2023), arXiv:2305.13245; Shazeer, *Fast Transformer Decoding*
/// (2019), arXiv:1911.02150 (one key-value head).
public struct GroupedQuery: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var sharedHeads = 0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("sharedHeads", \.sharedHeads, "Key-value heads there must be; 0 takes any.")
    ]
  }

  public static let card = MechanismCard(
    id: "gqa", title: "Grouped-query attention", family: .exact,
    origin: Citation(
      "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints",
      arXiv: "2305.13245", year: 2023),
    summary: "Exact attention in which groups of query heads share a key-value head.",
    patterns: Set(AttentionPattern.allCases), exactness: .exact, laws: [.rowStochastic, .causal],
    cost: "2 pairs (headDim + valueDim) operations; key and value bytes of keyValueHeads only")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    let wanted = parameters.sharedHeads
    guard wanted == 0 || shape.keyValueHeads == wanted else {
      throw .unsupportedShape(
        mechanism: wanted == 1 ? "mqa" : "gqa", shape: shape.description,
        rule: "it takes \(wanted) key-value head\(wanted == 1 ? "" : "s"), the shape has "
          + "\(shape.keyValueHeads); set keyValueHeads to \(wanted)")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan { Plan(shape: shape, stages: [.attend(Attend())]) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    SoftmaxReference.dense(problem)
  }
}
