// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Focused linear attention: features turned towards their largest channels, and a local convolution.
///
/// `x' = (relu(x) + 1e-6) / softplus(s)`, `phi(x) = |x'| x'^p / |x'^p|` with powers by element;
/// outputs are divided by the sum of feature products and a depthwise convolution of the values
/// over the grid is added, one kernel for all heads. Without a grid it runs along the sequence.
///
/// One head does `2 (queryLength + keyLength) headDim valueDim + 2 taps length valueDim` operations.
///
/// - Note: norms are over a head's channels, as the paper defines them; the authors' code takes them
///   over all channels ahead of the split into heads. Position encodings of keys belong to the layer.
///
/// Source: Han et al., *FLatten Transformer: Vision Transformer using Focused Linear Attention*
/// (2023), arXiv:2308.00442, equations 5 to 8.
public struct Flatten: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var power = 3
    public var kernel = 5
    public var epsilon = 1e-6

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("power", \.power, "Power of the focused map."),
      ParameterField("kernel", \.kernel, "Taps of the convolution along an axis, odd."),
      ParameterField(
        "epsilon", \.epsilon, "Added to the mean of feature products, and to features."),
    ]
  }

  public static let card = MechanismCard(
    id: "flatten", title: "Focused linear attention", family: .linear,
    origin: Citation(
      "FLatten Transformer: Vision Transformer using Focused Linear Attention",
      arXiv: "2308.00442", year: 2023),
    summary:
      "Features sharpened by a power at constant norm, and a depthwise convolution of values.",
    patterns: [.noncausalSelf], exactness: .approximate, laws: [],
    cost: "4 tokens headDim valueDim + 2 taps tokens valueDim operations")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard (1...16).contains(parameters.power) else {
      throw .outOfRange(
        parameter: "power", value: "\(parameters.power)", rule: "it must be in 1 ... 16")
    }
    try LinearTexts.requireOdd("kernel", parameters.kernel)
    try LinearTexts.requireEpsilon(parameters.epsilon)
    self.parameters = parameters
    self.shape = shape
  }

  private func steps(_ scale: String) -> [RowOperation] {
    [
      .activate(.relu(plus: parameters.epsilon)),
      .channels(weight: scale, inverseSoftplus: true), .focus(power: parameters.power),
    ]
  }

  private var local: LocalConvolution {
    LocalConvolution(
      .shared(weight: "convolution", bias: "convolutionBias"), size: parameters.kernel)
  }

  public var plan: Plan {
    let stage = FeatureAttention(
      queryMap: steps("queryScale"), keyMap: steps("keyScale"),
      // The paper divides by the mean product plus epsilon.
      normalizer: .sum(epsilon: parameters.epsilon * Double(shape.keyLength)), local: local)
    return Plan(shape: shape, stages: [.features(stage)])
  }

  private var weights: [DrawnWeight] {
    let taps = local.tapCount(shape: shape)
    return [
      DrawnWeight(
        "queryScale", [shape.queryHeads, shape.headDim], "[queryHeads, headDim]",
        "rows are divided by its softplus; N(0, 0.01)", .normal(0.1)),
      DrawnWeight(
        "keyScale", [shape.keyValueHeads, shape.headDim], "[keyValueHeads, headDim]",
        "rows are divided by its softplus; N(0, 0.01)", .normal(0.1)),
      DrawnWeight(
        "convolution", [shape.valueDim, taps], "[valueDim, taps]",
        "depthwise kernel of all heads, N(0, 1 / taps)",
        .normal(1 / Double(taps).squareRoot())),
      DrawnWeight(
        "convolutionBias", [shape.valueDim], "[valueDim]", "its bias, 0", .constant(0)),
    ]
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    let taps = local.tapCount(shape: shape)
    let kernel = problem.weights["convolution"]
    let bias = problem.weights["convolutionBias"].array.map(Double.init)
    return problem.mapHeads { head, _, queryHead in
      let output = FeatureReference.attend(
        queryFeatures: focused(head.query, reference.part("queryScale", queryHead)),
        keyFeatures: focused(head.key, reference.part("keyScale", queryHead / shape.headGroup)),
        value: head.value, epsilon: parameters.epsilon * Double(shape.keyLength)
      ) { _, _ in true }
      return reference.adding(
        convolutionOf: head.value, size: parameters.kernel, to: output, bias: bias
      ) { channel, tap in Double(kernel[channel * taps + tap]) }
    }
  }

  private func focused(_ rows: Rows, _ scale: ArraySlice<Double>) -> Rows {
    rows.mapRows { row, _ in
      let scaled = zip(row, scale).map {
        (max($0, 0) + parameters.epsilon) / RowReference.softplus($1)
      }
      let powers = scaled.map { x in (0..<parameters.power).reduce(1.0) { y, _ in y * x } }
      let factor = RowReference.norm(scaled) / RowReference.norm(powers)
      return powers.map { $0 * factor }
    }
  }
}
