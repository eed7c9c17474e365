// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// A compressed cache: non-retrieval heads keep sinks, a window and one token for all they drop.
///
/// The keys before the first query are a cache. Retrieval heads keep all of it; the others keep the
/// first `sinks` keys, the last `window` ones (`max(window, tokens / 5)`) and a compensation token:
/// the mean of the dropped keys and of their values, which weighs as much as all of them
/// (`ln count` on its score). Queries and their own keys are new tokens: nothing of them is dropped.
/// Tensors are those of ``Flash``; with as many queries as keys there is no cache and attention is
/// dense.
///
/// - Requires: `sinks >= 0`, `window >= 1`, `retrievalShare` in 0...1 and heads that exist,
///   otherwise ``init(_:shape:)`` throws ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Equals dense attention where all dropped keys are equal, whatever their values.
///
/// Source: Tang et al., *RazorAttention* (2024), arXiv:2407.15891, section 3.
public struct RazorAttention: AttentionMechanism {
  public struct Parameters: StreamingParameters {
    public var retrievalHeads = HeadSet()
    public var retrievalShare = 0.15
    public var sinks = 4
    public var window = 4000
    public var seed = 0

    public init() {}
  }

  public static let card = MechanismCard(
    id: "razor", title: "RazorAttention", family: .local,
    origin: Citation(
      "RazorAttention: Efficient KV Cache Compression Through Retrieval Heads",
      arXiv: "2407.15891", year: 2024),
    summary: "Heads that do not retrieve keep sinks, a window and one mean token of the rest.",
    patterns: [.causalSelf, .causalCross], exactness: .approximate,
    laws: [.rowStochastic, .causal],
    cost: "queries (sinks + window + 1) pairs outside retrieval heads")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let retrieval: RetrievalHeads
  /// Keys that other heads drop.
  private let dropped: Range<Int>
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    let retrieval = try RetrievalHeads(parameters, stream: "razor", shape: shape)
    self.parameters = parameters
    self.shape = shape
    self.retrieval = retrieval
    let cached = max(shape.causalOffset, 0)
    let kept = max(parameters.window, cached / 5)
    let first = min(parameters.sinks, cached)
    let dropped = first..<max(cached - kept, first)
    self.dropped = dropped
    let sequence = KeyPattern.sequence(shape)
    let streaming = KeyPattern.intersection([
      sequence, .union([.keys(0..<first), .keys(dropped.upperBound..<shape.keyLength)]),
    ])
    let patterns = (0..<shape.queryHeads).map { head in
      retrieval.keepEverything(head) || dropped.isEmpty
        ? HeadPattern(sequence) : HeadPattern(streaming, summaries: .all)
    }
    heads = HeadPatterns(
      perHead: patterns,
      summaries: dropped.isEmpty
        ? nil : KeySummaries(groups: SpanTable([[dropped]]), weighsAsGroup: true),
      shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, queryHead in
      let isStreaming = !retrieval.keepEverything(queryHead) && !dropped.isEmpty
      guard isStreaming else {
        return SoftmaxReference.attend(head, scale: shape.softmaxScale) {
          SoftmaxReference.allows(shape, query: $0, key: $1)
        }
      }
      // The compensation token stands at the end, where causality would not show it.
      let extended = ReferenceHead(
        query: head.query, key: head.key.appending(meanOf: dropped),
        value: head.value.appending(meanOf: dropped))
      return SoftmaxReference.attend(
        extended, scale: shape.softmaxScale,
        bias: { $1 == shape.keyLength ? Double.log(Double(dropped.count)) : 0 },
        allows: { query, key in
          key == shape.keyLength
            || SoftmaxReference.allows(shape, query: query, key: key) && !dropped.contains(key)
        })
    }
  }
}
