// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Both products on 4-bit numbers that share scales in short blocks, with weights on two levels.
///
/// The mean key and the mean of every `queryBlock` queries are subtracted; the latter's products
/// with the keys are added to the scores in Float32. Queries and keys are rounded in blocks along
/// the channels, values in blocks along the tokens: NVFP4 has 16 E2M1 numbers and an E4M3 scale,
/// MXFP4 32 and a power of two. A direct scale of weights in 0 ... 1 wastes most of E4M3, so weights
/// are first stretched to 448 times 6 against the running maximum of `keyBlock` keys; the factor
/// cancels in the output. Tensors are those of ``Flash``.
///
/// One head does `2 pairs (headDim + valueDim)` FP4 operations and `pairs` exponentials.
///
/// - Note: FP4 is emulated: its numbers are exact, its speed is not that of any hardware. Keys keep
///   their order; the authors permute them inside groups for the hardware.
///
/// Source: Zhang et al., *SageAttention3* (2025), arXiv:2505.11594, sections 3.1 to 3.3; order of
/// roundings as in the authors' code.
public struct Sage3: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var format = MicroFormat.nvfp4
    public var twoLevel = true
    public var smoothKey = true
    public var smoothQuery = true
    public var smoothValue = false
    public var queryBlock = 128
    public var keyBlock = 128
    public var denominator = WeightSum.exact
    public var preparation = Preparation.everyCall

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField(
        "format", \.format, "Blocks of 16 with E4M3 scales or of 32 with powers of 2."),
      ParameterField(
        "twoLevel", \.twoLevel, "NVFP4: whether weights are stretched to the range of the scales."),
      ParameterField("smoothKey", \.smoothKey, "Whether the mean key is subtracted first."),
      ParameterField(
        "smoothQuery", \.smoothQuery, "Whether the mean query of a block is scored apart."),
      ParameterField("smoothValue", \.smoothValue, "Whether the mean value is added last."),
      ParameterField("queryBlock", \.queryBlock, "Queries that share a mean."),
      ParameterField("keyBlock", \.keyBlock, "Keys between updates of the running maximum."),
      ParameterField("denominator", \.denominator, "Sum of exact or of quantised weights."),
      ParameterField(
        "preparation", \.preparation, LowBitRules.preparation, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "sage3", title: "SageAttention3", family: .lowBit,
    origin: Citation(
      "SageAttention3: Microscaling FP4 Attention for Inference and An Exploration of 8-Bit "
        + "Training", arXiv: "2505.11594", year: 2025),
    summary: "Both products on FP4 numbers that share scales in blocks of 16 or 32.",
    patterns: Set(AttentionPattern.allCases), exactness: .quantised,
    emulated: ["nvfp4", "mxfp4"], laws: [.headEquivariant],
    cost: "2 pairs (headDim + valueDim) FP4 operations, pairs exponentials")

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

  /// The largest weight whose block still has a scale in E4M3: 448 times 6.
  private static let stretched: Float = 2688

  private var quantisation: QuantisationPlan {
    let format = OperandFormat.micro(parameters.format)
    let stretches = parameters.twoLevel && parameters.format == .nvfp4
    var plan = QuantisationPlan(
      query: OperandRule(format), key: OperandRule(format),
      value: OperandRule(format, group: .channel),
      weights: WeightRule(format, scale: stretches ? Self.stretched : 1))
    plan.smoothsKeys = parameters.smoothKey
    plan.smoothedQueries = parameters.smoothQuery ? parameters.queryBlock : nil
    plan.smoothsValues = parameters.smoothValue
    plan.keyBlock = parameters.keyBlock
    plan.quantisedDenominator = parameters.denominator == .quantised
    return plan
  }
}
