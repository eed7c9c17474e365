// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Dense causal attention in retrieval heads, sinks and a window of recent keys in all others.
///
/// All query heads of a key-value head are of one kind. Retrieval heads are `retrievalHeads` or, if
/// none is named, a share of the key-value heads drawn from `seed` (the paper learns them). A query
/// of another head sees keys `j <= i` with `j < sinks` or `i - j < window`. Tensors are those of
/// ``Flash``.
///
/// - Requires: `sinks >= 0`, `window >= 1`, `retrievalShare` in 0...1 and heads that exist,
///   otherwise ``init(_:shape:)`` throws ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask; `retrievalShare == 1` is causal dense attention.
///
/// Source: Xiao et al., *DuoAttention* (2024), arXiv:2410.10819, section 2.
public struct DuoAttention: AttentionMechanism {
  public struct Parameters: StreamingParameters {
    public var retrievalHeads = HeadSet()
    public var retrievalShare = 0.5
    public var sinks = 64
    public var window = 256
    public var seed = 0

    public init() {}
  }

  public static let card = MechanismCard(
    id: "duo", title: "DuoAttention", family: .local,
    origin: Citation(
      "DuoAttention: Efficient Long-Context LLM Inference with Retrieval and Streaming Heads",
      arXiv: "2410.10819", year: 2024),
    summary: "Some heads see everything, the others sinks and a window of recent keys.",
    patterns: [.causalSelf, .causalCross], exactness: .maskedExact, laws: [.causal],
    cost: "tokens (sinks + window) pairs in streaming heads, tokens^2 / 2 in retrieval heads")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let retrieval: RetrievalHeads
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    let retrieval = try RetrievalHeads(parameters, stream: "duo", shape: shape)
    self.parameters = parameters
    self.shape = shape
    self.retrieval = retrieval
    let streaming = KeyPattern.intersection([
      .sequence(shape),
      .union([
        .keys(0..<parameters.sinks),
        .band(from: shape.causalOffset - parameters.window + 1, to: nil),
      ]),
    ])
    heads = HeadPatterns(
      perHead: (0..<shape.queryHeads).map { head in
        HeadPattern(retrieval.keepEverything(head) ? .sequence(shape) : streaming)
      }, shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, queryHead in
      let seesAll = retrieval.keepEverything(queryHead)
      return SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        let distance = query + shape.causalOffset - key
        return distance >= 0
          && (seesAll || key < parameters.sinks || distance < parameters.window)
      }
    }
  }
}
