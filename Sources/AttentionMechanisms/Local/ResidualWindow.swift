// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Window attention plus the residual that dense attention left at an earlier step of a sampler.
///
/// A query sees the keys with `|i - j| <= window`. At a `refresh` step the output is dense
/// attention, and what it yields beyond window attention is written to the weight `residual`; a
/// `reuse` step adds that weight to window attention. Tensors are those of ``Flash``, `residual` is
/// like the output; bidirectional self-attention.
///
/// - Requires: `window >= 0`, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: With unchanged inputs a reuse step after a refresh returns dense attention. The paper
///   also shares whole outputs between steps and between the conditional and unconditional branch,
///   which needs no operator.
///
/// Source: Yuan et al., *DiTFastAttn* (2024), arXiv:2406.08552, section 3 (window attention with
/// residual sharing).
public struct ResidualWindow: AttentionMechanism {
  public enum Step: String, ParameterChoice {
    case refresh, reuse
  }

  public struct Parameters: MechanismParameters {
    public var window = 0
    public var step = Step.reuse

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField(
        "window", \.window, "Keys seen on each side; 0 is an eighth of the sequence."),
      ParameterField("step", \.step, "Whether the residual is computed anew or reused."),
    ]
  }

  public static let card = MechanismCard(
    id: "ditfastattn", title: "Window attention with residual sharing", family: .local,
    origin: Citation(
      "DiTFastAttn: Attention Compression for Diffusion Transformer Models",
      arXiv: "2406.08552", year: 2024),
    summary: "Window attention plus the cached rest of an earlier step's dense attention.",
    patterns: [.noncausalSelf], exactness: .approximate, laws: [],
    cost: "tokens (2 window + 1) pairs and one addition per output; dense pairs more to refresh")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let reach: Int
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("window", parameters.window, atLeast: 0)
    self.parameters = parameters
    self.shape = shape
    let reach = parameters.window > 0 ? parameters.window : shape.keyLength / 8
    self.reach = reach
    heads = HeadPatterns(HeadPattern(.band(from: -reach, to: reach)), shape: shape)
  }

  public var plan: Plan {
    let residual: Attend.Residual =
      parameters.step == .reuse ? .reused(weight: "residual") : .refreshed(weight: "residual")
    return Plan(
      shape: shape, stages: [.attend(Attend(rule: .patterns(heads), residual: residual))])
  }

  public var weightSpecifications: [WeightSpecification] {
    [
      WeightSpecification(
        name: "residual", extents: shape.outputExtents,
        layout: "[batch, queryHeads, tokens, valueDim]",
        meaning: "dense less window attention of an earlier step; drawn a tenth of standard normal")
    ]
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    var generator = SplitMix64(seed: seed.child("ditfastattn/residual"))
    let residual = Tensor<Float>(shape.outputExtents)
    for index in 0..<residual.count { residual[index] = 0.1 * generator.normal() }
    return WeightSet(["residual": residual])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    guard parameters.step == .reuse else { return SoftmaxReference.dense(problem) }
    let residual = problem.weights["residual"]
    return problem.mapHeads { head, batch, queryHead in
      var output = SoftmaxReference.attend(head, scale: shape.softmaxScale) {
        abs($0 - $1) <= reach
      }
      let rest = Rows(
        residual.matrix(batch: batch, head: queryHead), shape.queryLength, shape.valueDim)
      for row in 0..<output.count { output.add(1, rest, row, to: row) }
      return output
    }
  }
}
