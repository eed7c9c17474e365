// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Causal attention to the first tokens, a window of recent ones and, for the last queries, all.
///
/// Query `i`, counted from the end as causality aligns it, sees keys `j <= i` with `j < sinks` or
/// `i - j < window`; the last `fullQueries` queries see every key `j <= i`. Tensors are those of
/// ``Flash``.
///
/// - Requires: `sinks >= 0`, `window >= 1`, `fullQueries >= 0`, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask; `window >= tokens` is causal dense attention.
///
/// Source: Jiang et al., *MInference 1.0* (2024), arXiv:2407.02490, section 3 (A-shape); Xiao et
/// al., *Efficient Streaming Language Models with Attention Sinks* (2023), arXiv:2309.17453.
public struct AShape: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var sinks = 128
    public var window = 4096
    public var fullQueries = 0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("sinks", \.sinks, "First keys that every query sees."),
      ParameterField("window", \.window, "Most recent keys that a query sees, itself included."),
      ParameterField("fullQueries", \.fullQueries, "Last queries that see every earlier key."),
    ]
  }

  public static let card = MechanismCard(
    id: "a-shape", title: "Sinks and a sliding window", family: .local,
    origin: Citation(
      "MInference 1.0: Accelerating Pre-filling for Long-Context LLMs via Dynamic Sparse Attention",
      arXiv: "2407.02490", year: 2024),
    summary: "Causal attention to the first tokens and to a window of recent ones.",
    patterns: [.causalSelf, .causalCross], exactness: .maskedExact,
    laws: [.headEquivariant, .causal],
    cost: "2 tokens (sinks + window) (headDim + valueDim) operations")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("sinks", parameters.sinks, atLeast: 0)
    try Self.require("window", parameters.window, atLeast: 1)
    try Self.require("fullQueries", parameters.fullQueries, atLeast: 0)
    self.parameters = parameters
    self.shape = shape
    let last = max(shape.queryLength - parameters.fullQueries, 0)
    heads = HeadPatterns(
      HeadPattern(
        .intersection([
          .sequence(shape),
          .union([
            .keys(0..<parameters.sinks),
            .band(from: shape.causalOffset - parameters.window + 1, to: nil),
            .queries(last..<shape.queryLength),
          ]),
        ])), shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let (last, first) = (shape.queryLength - 1, shape.queryLength - parameters.fullQueries)
    return problem.mapHeads { head, _, _ in
      SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        // Keys behind the newest one that the query may see.
        let newest = shape.causality == .topLeft ? query : shape.keyLength - 1 - (last - query)
        let isNear = key < parameters.sinks || newest - key < parameters.window
        return key <= newest && (isNear || query >= first)
      }
    }
  }
}
