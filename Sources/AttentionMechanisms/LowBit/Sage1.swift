// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// INT8 attention: queries and keys are quantised to 8 bits, values optionally too.
///
/// Keys are smoothed first: their mean over tokens is subtracted, which softmax does not see. The
/// softmax scale is multiplied into the queries before they are quantised. Symmetric scales are
/// `max |x| / 127`, per token (variants T, vT) or per block of 128 queries and 64 keys (B, vB). T
/// and B multiply unquantised weights with values in bfloat16 (or Float32); vT and vB round weights
/// to `weightLevels` steps against the running maximum after every `keyBlock` keys, and values to
/// INT8 per channel. `adaptive` is the paper's rule per layer: vB where its cosine on calibration
/// inputs is above 0.998, else B. Tensors are those of ``Flash``.
///
/// One head does `2 pairs headDim` INT8 operations, `2 pairs valueDim` in the value precision, and
/// `pairs` exponentials.
///
/// Source: Zhang et al., *SageAttention: Accurate 8-Bit Attention for Plug-and-play Inference
/// Acceleration* (2024), arXiv:2410.02367, section 4 and tables 2 to 11.
public struct Sage1: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var variant = Variant.b
    public var calibratedCosine = 0.0
    public var smoothKey = true
    public var valuePrecision = FloatPrecision.bfloat16
    public var keyBlock = 64
    public var weightLevels = 127
    public var denominator = Denominator.exact
    public var preparation = Preparation.everyCall

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField(
        "variant", \.variant,
        "Scales per token (T, vT) or block (B, vB); v: INT8 weights and values; adaptive: vB or B."),
      ParameterField(
        "calibratedCosine", \.calibratedCosine,
        "adaptive: the cosine of vB on calibration inputs; vB where it is above 0.998."),
      ParameterField("smoothKey", \.smoothKey, "Whether the mean key is subtracted first."),
      ParameterField(
        "valuePrecision", \.valuePrecision, "Precision of the value product of variants T and B."),
      ParameterField(
        "keyBlock", \.keyBlock, "vT, vB: keys between updates of the running maximum."),
      ParameterField("weightLevels", \.weightLevels, "vT, vB: steps of the weights, 127 or 255."),
      ParameterField(
        "denominator", \.denominator, "vT, vB: sum of exact or of quantised weights."),
      ParameterField(
        "preparation", \.preparation, LowBitRules.preparation, changesResult: false),
    ]
  }

  public enum Variant: String, ParameterChoice {
    case t = "T"
    case b = "B"
    case vt = "vT"
    case vb = "vB"
    case adaptive

    var isPerToken: Bool { self == .t || self == .vt }
    var quantisesValues: Bool { self == .vt || self == .vb }
  }

  public enum FloatPrecision: String, ParameterChoice {
    case float32, bfloat16
  }

  public enum Denominator: String, ParameterChoice {
    case exact, quantised
  }

  public static let card = MechanismCard(
    id: "sage1", title: "SageAttention", family: .lowBit,
    origin: Citation(
      "SageAttention: Accurate 8-Bit Attention for Plug-and-play Inference Acceleration",
      arXiv: "2410.02367", year: 2024),
    summary: "Queries and smoothed keys in INT8; weights and values in bfloat16 or INT8.",
    patterns: Set(AttentionPattern.allCases), exactness: .quantised,
    laws: [.headEquivariant, .causal],
    cost: "2 pairs headDim INT8 operations, 2 pairs valueDim in the value precision, "
      + "pairs exponentials")

  public let parameters: Parameters
  /// The variant that runs; the adaptive rule takes vB for layers on which it is good enough.
  private let variant: Variant
  private let shape: AttentionShape

  /// The cosine above which a layer takes vB.
  private static let sufficientCosine = 0.998

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard (-1...1).contains(parameters.calibratedCosine) else {
      throw .outOfRange(
        parameter: "calibratedCosine", value: "\(parameters.calibratedCosine)",
        rule: "a cosine is in -1 ... 1")
    }
    guard parameters.keyBlock >= 8, parameters.keyBlock.isMultiple(of: 8) else {
      throw .outOfRange(
        parameter: "keyBlock", value: "\(parameters.keyBlock)",
        rule: "it must be a multiple of 8, at least 8")
    }
    guard [127, 255].contains(parameters.weightLevels) else {
      throw .outOfRange(
        parameter: "weightLevels", value: "\(parameters.weightLevels)",
        rule: "it must be 127 (the paper's) or 255 (all of an unsigned byte)")
    }
    guard shape.headDim <= 65_536 else {
      throw .unsupportedShape(
        mechanism: "sage1", shape: shape.description,
        rule: "32-bit sums of INT8 products hold up to 65536 channels")
    }
    self.parameters = parameters
    variant =
      parameters.variant != .adaptive
      ? parameters.variant
      : parameters.calibratedCosine > Self.sufficientCosine ? .vb : .b
    self.shape = shape
  }

  public var plan: Plan {
    let keeps = parameters.preparation == .once
    return Plan(
      shape: shape, stages: [.attend(Attend(precision: .int8(rule), keepsOperands: keeps))])
  }

  private var rule: QuantizationRule {
    let values: QuantizationRule.ValuePrecision =
      variant.quantisesValues
      ? .int8 : parameters.valuePrecision == .float32 ? .float32 : .bfloat16
    return QuantizationRule(
      queryGroup: variant.isPerToken ? 1 : 128,
      keyGroup: variant.isPerToken ? 1 : 64, smoothsKeys: parameters.smoothKey,
      valuePrecision: values, keyBlock: parameters.keyBlock,
      weightLevels: parameters.weightLevels,
      quantisedDenominator: parameters.denominator == .quantised)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let scale = Float(shape.softmaxScale * 1.442_695_040_888_963_4)
    let tokens = variant.isPerToken
    return problem.mapHeads { head, _, _ in
      let keys = parameters.smoothKey ? QuantisedReference.smoothed(head.key) : head.key
      let operands = ReferenceHead(
        query: QuantisedReference.int8(
          head.query.map { Double(Float($0) * scale) }, group: tokens ? 1 : 128, form: .scale),
        key: QuantisedReference.int8(keys, group: tokens ? 1 : 64),
        value: quantised(head.value))
      return QuantisedReference.attend(
        operands, rule: variant.quantisesValues ? weightRule : nil
      ) { query, key in
        SoftmaxReference.allows(shape, query: query, key: key)
      }
    }
  }

  private var weightRule: QuantisedReference.WeightRule {
    QuantisedReference.WeightRule(
      levels: parameters.weightLevels, keyBlock: parameters.keyBlock,
      quantisedDenominator: parameters.denominator == .quantised)
  }

  private func quantised(_ value: Rows) -> Rows {
    if variant.quantisesValues { return QuantisedReference.int8PerChannel(value) }
    guard parameters.valuePrecision == .bfloat16 else { return value }
    return value.map { Double(BFloat16(Float($0)).float) }
  }
}
