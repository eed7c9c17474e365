// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Exact softmax attention over chunks of keys, whose partial results are joined by their maxima.
///
/// `scan` visits the chunks in turn with one running maximum; `map` attends to every chunk by itself
/// and then merges the partial results. With `extraLogit` a score of zero without a value joins the
/// denominator (softmax-off-by-one). Tensors are those of ``Flash``.
///
/// - Requires: `keyChunk >= 1`, `form == scan` with an extra logit, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact; both forms equal dense attention to rounding, unless `extraLogit` is set.
///
/// Source: Rabe and Staats, *Self-attention Does Not Need O(n^2) Memory* (2021), arXiv:2112.05682.
public struct MemoryEfficient: AttentionMechanism {
  public enum Form: String, ParameterChoice {
    case scan, map
  }

  public struct Parameters: MechanismParameters {
    public var form = Form.map
    public var keyChunk = 2048
    public var extraLogit = false

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField(
        "form", \.form, "Chunks in turn (scan) or by themselves, then merged (map).",
        changesResult: false),
      ParameterField("keyChunk", \.keyChunk, "map: keys per chunk.", changesResult: false),
      ParameterField("extraLogit", \.extraLogit, "Whether a zero score joins the denominator."),
    ]
  }

  public static let card = MechanismCard(
    id: "memory-efficient", title: "Memory-efficient attention", family: .exact,
    origin: Citation(
      "Self-attention Does Not Need O(n^2) Memory", arXiv: "2112.05682", year: 2021),
    summary: "Exact attention over chunks of keys whose partial results are merged.",
    patterns: Set(AttentionPattern.allCases), exactness: .exact, laws: [.headEquivariant, .causal],
    cost: "2 pairs (headDim + valueDim) operations; map: 2 chunks tokens valueDim to merge")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let heads: HeadPatterns?

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("keyChunk", parameters.keyChunk, atLeast: 1)
    guard !parameters.extraLogit || parameters.form == .scan else {
      throw .outOfRange(
        parameter: "extraLogit", value: "true", rule: "it joins the running sums of form=scan only")
    }
    self.parameters = parameters
    self.shape = shape
    // An empty group is a key of zeros with a value of zeros: the extra logit.
    heads =
      parameters.extraLogit
      ? HeadPatterns(
        HeadPattern(.sequence(shape), summaries: .all),
        summaries: KeySummaries(groups: SpanTable([[]]), weighsAsGroup: false), shape: shape)
      : nil
  }

  public var plan: Plan {
    let rule = heads.map { MaskRule.patterns($0) } ?? .sequence
    let chunk = parameters.form == .map ? parameters.keyChunk : nil
    return Plan(shape: shape, stages: [.attend(Attend(rule: rule, keyChunk: chunk))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    guard parameters.extraLogit else { return SoftmaxReference.dense(problem) }
    return problem.mapHeads { head, _, _ in
      let extended = ReferenceHead(
        query: head.query, key: head.key.appending(meanOf: 0..<0),
        value: head.value.appending(meanOf: 0..<0))
      return SoftmaxReference.attend(extended, scale: shape.softmaxScale) { query, key in
        key == shape.keyLength || SoftmaxReference.allows(shape, query: query, key: key)
      }
    }
  }
}
