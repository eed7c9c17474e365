// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// FlashAttention-3's FP8 attention: scales per block, queries and keys rotated by a Hadamard matrix.
///
/// Queries and keys are multiplied by random signs and an orthonormal Hadamard matrix over the
/// channels, which leaves their products as they are and spreads outliers. All three tensors are
/// rounded to `format` with one scale per block of `queryBlock` queries or `keyBlock` keys (or per
/// head); weights are `2^8` times the softmax's, so that small ones are not lost. Sums are held as
/// FP8 matrix units do, over all keys. Tensors are those of ``Flash``.
///
/// One head does `2 pairs (headDim + valueDim)` FP8 operations and `pairs` exponentials.
///
/// - Note: FP8 is emulated: its numbers are exact, its speed is not that of any hardware. Where the
///   head dimension is no power of two, the largest that divides it is the size of the matrices.
///
/// Source: Shah et al., *FlashAttention-3: Fast and Accurate Attention with Asynchrony and
/// Low-precision* (2024), arXiv:2407.08608, section 3.3.
public struct FlashFP8: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var format = Format.e4m3
    public var group = Group.block
    public var rotate = true
    public var seed = 0
    public var smoothKey = false
    public var queryBlock = 128
    public var keyBlock = 128
    public var sums = SumRule.Kind.fp22
    public var denominator = WeightSum.exact
    public var preparation = Preparation.everyCall

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("format", \.format, "Numbers of queries, keys, values and weights."),
      ParameterField("group", \.group, "Elements that share a scale: a block or a head."),
      ParameterField("rotate", \.rotate, "Whether a Hadamard matrix mixes the channels."),
      ParameterField("seed", \.seed, "Seed of the random signs."),
      ParameterField("smoothKey", \.smoothKey, "Whether the mean key is subtracted first."),
      ParameterField("queryBlock", \.queryBlock, "Queries per scale."),
      ParameterField(
        "keyBlock", \.keyBlock, "Keys per scale and between updates of the running maximum."),
      ParameterField("sums", \.sums, "What holds the sums of weighted values."),
      ParameterField("denominator", \.denominator, "Sum of exact or of quantised weights."),
      ParameterField(
        "preparation", \.preparation, LowBitRules.preparation, changesResult: false),
    ]
  }

  public enum Format: String, ParameterChoice {
    case e4m3, e5m2
  }

  public enum Group: String, ParameterChoice {
    case block, tensor
  }

  public static let card = MechanismCard(
    id: "flash-fp8", title: "FlashAttention-3 in FP8", family: .lowBit,
    origin: Citation(
      "FlashAttention-3: Fast and Accurate Attention with Asynchrony and Low-precision",
      arXiv: "2407.08608", year: 2024),
    summary: "Both products in FP8 with scales per block, after a rotation that spreads outliers.",
    patterns: Set(AttentionPattern.allCases), exactness: .quantised, emulated: ["e4m3"],
    laws: [.headEquivariant],
    cost: "2 pairs (headDim + valueDim) FP8 operations, pairs exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try LowBitRules.block("queryBlock", parameters.queryBlock)
    try LowBitRules.block("keyBlock", parameters.keyBlock)
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan { LowBitRules.plan(quantisation, parameters.preparation, shape: shape) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    LowBitRules.oracle(quantisation, problem, shape: shape)
  }

  private var quantisation: QuantisationPlan {
    let format = OperandFormat.number(parameters.format == .e4m3 ? .e4m3 : .e5m2)
    let group: ScaleGroup = parameters.group == .block ? .block : .tensor
    let keys = OperandRule(format, group: group, block: parameters.keyBlock)
    var plan = QuantisationPlan(
      query: OperandRule(format, group: group, block: parameters.queryBlock), key: keys,
      value: keys, weights: WeightRule(format, scale: 256))
    plan.rotation = parameters.rotate ? Rotation(seed: parameters.seed) : nil
    plan.smoothsKeys = parameters.smoothKey
    plan.keyBlock = parameters.keyBlock
    plan.sums = SumRule(parameters.sums, twoLevel: false)
    plan.quantisedDenominator = parameters.denominator == .quantised
    return plan
  }
}
