// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Causal sliding windows whose size varies over groups of heads and of layers.
///
/// Four groups of heads see `w/4`, `w/2`, `w` and `2w` recent keys, where `w` is `window` times
/// 1/4, 1/2, 1 or 2 for the four groups of layers from shallow to deep. Tensors are those of
/// ``Flash``.
///
/// - Requires: `window >= 1` and `layerGroup` in 0...3, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask; windows are rounded down and hold at least the query itself.
///
/// Source: Xu et al., *MSWA: Refining Local Attention with Multi-Scale Window Attention* (2025),
/// arXiv:2501.01039.
public struct MultiScaleWindow: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var window = 1024
    public var layerGroup = 2

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("window", \.window, "Base window: recent keys that a query sees."),
      ParameterField("layerGroup", \.layerGroup, "Quarter of the layers, shallowest 0."),
    ]
  }

  public static let card = MechanismCard(
    id: "mswa", title: "Multi-scale window attention", family: .local,
    origin: Citation(
      "MSWA: Refining Local Attention with Multi-ScaleWindow Attention", arXiv: "2501.01039",
      year: 2025),
    summary: "Causal sliding windows of four sizes over the heads, scaled by the layer's depth.",
    patterns: [.causalSelf, .causalCross], exactness: .maskedExact, laws: [.causal],
    cost: "2 tokens (15/16) window (headDim + valueDim) operations on average")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("window", parameters.window, atLeast: 1)
    guard (0...3).contains(parameters.layerGroup) else {
      throw .outOfRange(
        parameter: "layerGroup", value: "\(parameters.layerGroup)", rule: "it must lie in 0...3")
    }
    self.parameters = parameters
    self.shape = shape
    heads = HeadPatterns(
      perHead: (0..<shape.queryHeads).map { head in
        let group = parameters.layerGroup + head * 4 / shape.queryHeads
        let window = max((parameters.window << group) >> 4, 1)
        return HeadPattern(
          .intersection([
            .sequence(shape), .band(from: shape.causalOffset - window + 1, to: nil),
          ]))
      }, shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let factors = [0.25, 0.5, 1, 2]
    return problem.mapHeads { head, _, queryHead in
      let quarter = 4 * queryHead / shape.queryHeads
      let size = factors[parameters.layerGroup] * factors[quarter] * Double(parameters.window)
      let window = max(Int(size), 1)
      return SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        SoftmaxReference.allows(shape, query: query, key: key)
          && query + shape.causalOffset - key < window
      }
    }
  }
}
