// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Flash-Decoding: few queries against a long key-value cache, split into ranges of keys.
///
/// All query rows that share a key-value head are packed together, so that each range of keys is
/// read once for the group. Every range gives a partial sum, a maximum and a denominator, which are
/// joined in order by log-sum-exp. Ranges follow from the problem alone, never from the number of
/// workers. Tensors are those of ``Flash``; any number of queries is exact, few are fast.
///
/// The cache lies in pages of 32 or 64 keys, channel by channel in keys and panel by panel in values,
/// and is packed as tokens arrive, not per step: the packing is left out of work and bytes, and is
/// repeated only for other key or value tensors. `keyValuePrecision` is the type of its elements.
/// With bfloat16 queries are rounded to it as well, products are summed and weights kept in Float32.
/// INT8 keys carry a scale per key, values a scale per channel, queries a scale per row; weights are
/// rounded to 255 steps against the largest of their 64 keys, and the denominator sums the rounded
/// weights.
///
/// One head does `2 pairs (headDim + valueDim)` operations and `pairs` exponentials; time is bound
/// by the bytes of the cache.
///
/// Source: Dao, Haziza, Massa, Sizov, *Flash-Decoding for long-context inference* (2023); ranges and
/// merge as in *FlashAttention-2*, arXiv:2307.08691.
public struct SplitKV: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var keyValuePrecision = DecodePrecision.float32
    public var splits = 0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField(
        "keyValuePrecision", \.keyValuePrecision, "Element type of the key-value cache."),
      ParameterField(
        "splits", \.splits, "Ranges of keys; 0 makes ranges of 2048 keys.", changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "split-kv", title: "Flash-Decoding", family: .decode,
    origin: Citation("Flash-Decoding for long-context inference", year: 2023),
    summary: "Few queries against a long cache: heads of a group share each read of it, ranges of "
      + "keys run apart and are joined by log-sum-exp.",
    patterns: Set(AttentionPattern.allCases), exactness: .quantised,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "the bytes of the cache; 2 pairs (headDim + valueDim) operations, pairs exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.splits >= 0 else {
      throw .outOfRange(
        parameter: "splits", value: "\(parameters.splits)",
        rule: "it must be 0 (ranges of 2048 keys) or a number of ranges")
    }
    guard parameters.keyValuePrecision != .int8 || shape.headDim <= 65_536 else {
      throw .unsupportedShape(
        mechanism: "split-kv", shape: shape.description,
        rule: "32-bit sums of INT8 products hold up to 65536 channels")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let stage = Decode(
      keyValuePrecision: parameters.keyValuePrecision, splits: parameters.splits)
    return Plan(shape: shape, stages: [.decode(stage)])
  }

  /// Softmax attention in Double to the cache as it is stored.
  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    switch parameters.keyValuePrecision {
    case .float32: return SoftmaxReference.dense(problem)
    case .bfloat16:
      return problem.mapHeads { head, _, _ in
        let cached = ReferenceHead(
          query: head.query.map(Self.rounded), key: head.key.map(Self.rounded),
          value: head.value.map(Self.rounded))
        return SoftmaxReference.attend(cached, scale: shape.softmaxScale) { query, key in
          SoftmaxReference.allows(shape, query: query, key: key)
        }
      }
    case .int8:
      let scale = Float(shape.softmaxScale * 1.442_695_040_888_963_4)
      return problem.mapHeads { head, _, _ in
        let cached = ReferenceHead(
          query: QuantisedReference.int8(
            head.query.map { Double(Float($0) * scale) }, group: 1),
          key: QuantisedReference.int8(head.key, group: 1),
          value: QuantisedReference.int8PerChannel(head.value))
        return attendInPages(cached)
      }
    }
  }

  private static func rounded(_ x: Double) -> Double { Double(BFloat16(Float(x)).float) }

  /// Keys of a page, whose largest weight the codes of the others are relative to.
  private static let pageKeys = 64

  /// Attention to scores in log2 units; weights are 255 steps of the largest of their page.
  private func attendInPages(_ head: ReferenceHead) -> Rows {
    var output = Rows(count: head.query.count, width: head.value.width)
    for query in 0..<head.query.count {
      let scores = (0..<head.key.count).map { key in
        SoftmaxReference.allows(shape, query: query, key: key)
          ? head.query.dot(query, head.key, key) : -.infinity
      }
      guard let maximum = scores.max(), maximum > -.infinity else { continue }
      var denominator = 0.0
      for first in stride(from: 0, to: scores.count, by: Self.pageKeys) {
        let page = first..<min(first + Self.pageKeys, scores.count)
        guard let top = scores[page].max(), top > -.infinity else { continue }
        for key in page {
          let code = (255 * Double.exp2(scores[key] - top)).rounded(.toNearestOrEven)
          let weight = code * Double.exp2(top - maximum)
          denominator += weight
          output.add(weight, head.value, key, to: query)
        }
      }
      output.scale(row: query, by: 1 / denominator)
    }
    return output
  }
}
