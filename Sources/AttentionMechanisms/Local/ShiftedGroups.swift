// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Causal attention inside groups of tokens, shifted by half a group in half of the heads.
///
/// The sequence is cut into `groups` equal groups; in the first heads a query sees the earlier keys
/// of its group. In the last `shiftedShare` of the heads the cuts lie half a group later, so that
/// information crosses them; the tokens before the first cut are a group of their own. The first
/// `sinks` keys are visible to every later query. Tensors are those of ``Flash``; causal
/// self-attention.
///
/// - Requires: `groups >= 1`, `sinks >= 0` and `shiftedShare` in 0...1, otherwise
///   ``init(_:shape:)`` throws ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask; `groups == 1` without shifted heads is causal dense attention. The
///   original training code lets the group that wraps around see the sequence's end; here, as in its
///   variable-length path, it does not.
///
/// Source: Chen et al., *LongLoRA* (2023), arXiv:2309.12307, section 3.2 (shifted sparse
/// attention); Zhang, *SinkLoRA* (2024), arXiv:2406.05678.
public struct ShiftedGroups: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var groups = 4
    public var shiftedShare = 0.5
    public var sinks = 0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("groups", \.groups, "Groups that the sequence is cut into."),
      ParameterField("shiftedShare", \.shiftedShare, "Share of the heads with shifted groups."),
      ParameterField("sinks", \.sinks, "First keys that every later query sees."),
    ]
  }

  public static let card = MechanismCard(
    id: "longlora-shift", title: "Shifted sparse attention", family: .local,
    origin: Citation(
      "LongLoRA: Efficient Fine-tuning of Long-Context Large Language Models",
      arXiv: "2309.12307", year: 2023),
    summary: "Causal attention in groups of tokens, shifted by half a group in half of the heads.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic, .causal],
    cost: "tokens^2 / (2 groups) pairs")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("groups", parameters.groups, atLeast: 1)
    try Self.require("sinks", parameters.sinks, atLeast: 0)
    guard (0...1).contains(parameters.shiftedShare) else {
      throw .outOfRange(
        parameter: "shiftedShare", value: "\(parameters.shiftedShare)",
        rule: "it must lie in 0...1")
    }
    self.parameters = parameters
    self.shape = shape
    let size = (shape.queryLength + parameters.groups - 1) / parameters.groups
    let plain = shape.queryHeads - Int(parameters.shiftedShare * Double(shape.queryHeads))
    heads = HeadPatterns(
      perHead: (0..<shape.queryHeads).map { head in
        let lead = head < plain ? 0 : size - size / 2
        let labels = (0..<shape.queryLength).map { ($0 + lead) / size }
        return HeadPattern(
          .intersection([
            .union([.classes(TokenClasses(labels)), .keys(0..<parameters.sinks)]),
            .sequence(shape),
          ]))
      }, shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let size = Int((Double(shape.queryLength) / Double(parameters.groups)).rounded(.up))
    let shifted = Int(parameters.shiftedShare * Double(shape.queryHeads))
    return problem.mapHeads { head, _, queryHead in
      // The first cut: after half a group in shifted heads, else after a whole one.
      let cut = queryHead >= shape.queryHeads - shifted ? size / 2 : size
      func group(_ token: Int) -> Int { token < cut ? 0 : 1 + (token - cut) / size }
      return SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        key <= query && (group(query) == group(key) || key < parameters.sinks)
      }
    }
  }
}
