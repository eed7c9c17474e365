// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// INT8 or INT4 scores with one scale per thread of a matrix unit, and an FP8 value product.
///
/// The mean key is subtracted, with `smoothQuery` also the mean of every `queryBlock` queries, whose
/// products with the keys are added to the scores in Float32. Symmetric scales belong to the tokens
/// of `group`: `thread` has 8 groups per 32 queries and 4 per 64 keys, laid out as one thread of a
/// matrix instruction holds them. Values are rounded to `valueFormat` per channel, weights fill the
/// same format's range against the running maximum of every `keyBlock` keys, and sums over such a
/// block are held in `sums` (13 bits of fraction, cut off every 32 keys, as FP8 matrix units do)
/// before they are added in Float32. Tensors are those of ``Flash``.
///
/// One head does `2 pairs headDim` INT8 or INT4 operations, `2 pairs valueDim` FP8 operations and
/// `pairs` exponentials.
///
/// - Note: INT4 codes are stored two to a byte and multiplied as bytes. FP8 is emulated: its numbers
///   are exact, its speed is not that of any hardware. Released kernels have no INT4.
///
/// Source: Zhang et al., *SageAttention2* (2024), arXiv:2411.10958, sections 3 and 4, and
/// *SageAttention2++* (2025), arXiv:2505.21136; constants as in the authors' code.
public struct Sage2: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var scores = ScoreFormat.int8
    public var group = ScaleGroup.thread
    public var smoothKey = true
    public var smoothQuery = false
    public var smoothValue = false
    public var queryBlock = 128
    public var keyBlock = 64
    public var valueFormat = ValueFormat.e4m3
    public var valueRange = 0.0
    public var sums = SumRule.Kind.fp22
    public var twoLevel = true
    public var denominator = WeightSum.exact
    public var preparation = Preparation.everyCall

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("scores", \.scores, "Codes of queries and keys."),
      ParameterField("group", \.group, "Tokens of queries and keys that share a scale."),
      ParameterField("smoothKey", \.smoothKey, "Whether the mean key is subtracted first."),
      ParameterField(
        "smoothQuery", \.smoothQuery, "Whether the mean query of a block is scored apart."),
      ParameterField("smoothValue", \.smoothValue, "Whether the mean value is added last."),
      ParameterField("queryBlock", \.queryBlock, "Queries per block, for scales and means."),
      ParameterField(
        "keyBlock", \.keyBlock, "Keys per block, for scales and the running maximum."),
      ParameterField("valueFormat", \.valueFormat, "Numbers of weights and values."),
      ParameterField(
        "valueRange", \.valueRange, "What the largest value of a channel becomes; 0: all it can."),
      ParameterField("sums", \.sums, "What holds the sums of weighted values."),
      ParameterField(
        "twoLevel", \.twoLevel, "Whether key blocks are summed apart and added in Float32."),
      ParameterField("denominator", \.denominator, "Sum of exact or of quantised weights."),
      ParameterField(
        "preparation", \.preparation, LowBitRules.preparation, changesResult: false),
    ]
  }

  public enum ScoreFormat: String, ParameterChoice {
    case int8, int4
  }

  public static let card = MechanismCard(
    id: "sage2", title: "SageAttention2", family: .lowBit,
    origin: Citation(
      "SageAttention2: Efficient Attention with Thorough Outlier Smoothing and Per-thread INT4 "
        + "Quantization", arXiv: "2411.10958", year: 2024),
    summary: "INT8 or INT4 scores with a scale per thread, FP8 values summed on two levels.",
    patterns: Set(AttentionPattern.allCases), exactness: .quantised, emulated: ["e4m3"],
    laws: [.headEquivariant],
    cost: "2 pairs headDim INT8 or INT4 operations, 2 pairs valueDim FP8 operations, "
      + "pairs exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try LowBitRules.block("queryBlock", parameters.queryBlock)
    try LowBitRules.block("keyBlock", parameters.keyBlock)
    guard parameters.group != .channel else {
      throw .outOfRange(
        parameter: "group", value: "channel", rule: "scores need one scale for all channels")
    }
    guard (0...57344).contains(parameters.valueRange) else {
      throw .outOfRange(
        parameter: "valueRange", value: "\(parameters.valueRange)",
        rule: "it must be 0 or a magnitude of the value format")
    }
    try LowBitRules.width(Self.card.id, shape)
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan { LowBitRules.plan(quantisation, parameters.preparation, shape: shape) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    LowBitRules.oracle(quantisation, problem, shape: shape)
  }

  private var quantisation: QuantisationPlan {
    let scores = OperandFormat.number(parameters.scores == .int8 ? .int8 : .int4)
    let number = parameters.valueFormat.number
    let range = parameters.valueRange > 0 ? Float(parameters.valueRange) : nil
    var plan = QuantisationPlan(
      query: OperandRule(scores, group: parameters.group, block: parameters.queryBlock),
      key: OperandRule(scores, group: parameters.group, block: parameters.keyBlock),
      value: OperandRule(.number(number), group: .channel, range: number.isScaled ? range : nil),
      weights: parameters.valueFormat.weights)
    plan.smoothsKeys = parameters.smoothKey
    plan.smoothedQueries = parameters.smoothQuery ? parameters.queryBlock : nil
    plan.smoothsValues = parameters.smoothValue
    plan.keyBlock = parameters.keyBlock
    plan.sums = SumRule(parameters.sums, twoLevel: parameters.twoLevel)
    plan.quantisedDenominator = parameters.denominator == .quantised
    return plan
  }
}
