// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Linear attention normalised by a subtraction, which keeps it injective, with a local residual.
///
/// `w_ij = scale q_i . (k_j - mean k) / n + 1 / n`: weights sum to 1 and may be negative. With
/// `residual` a convolution of the values over the grid is added whose kernel a network of two
/// layers makes from the mean value of the head; without a grid it runs along the sequence.
///
/// One head does `4 length headDim valueDim + 2 taps length valueDim` operations, and sums.
///
/// - Note: in the authors' layer the kernel comes from the mean of the layer's input, head by head;
///   here from that of the values, which are a projection of it.
///
/// Source: Han et al., *Bridging the Divide: Reconsidering Softmax and Linear Attention* (2024),
/// arXiv:2412.06590, equations 5 and 8.
public struct InLine: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var residual = true
    public var kernel = 3

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("residual", \.residual, "Whether the local residual is added."),
      ParameterField("kernel", \.kernel, "Taps of the residual along an axis, odd."),
    ]
  }

  public static let card = MechanismCard(
    id: "inline", title: "Injective linear attention", family: .linear,
    origin: Citation(
      "Bridging the Divide: Reconsidering Softmax and Linear Attention", arXiv: "2412.06590",
      year: 2024),
    summary: "Weights normalised by subtraction, and a local residual made from the mean value.",
    patterns: [.noncausalSelf], exactness: .approximate, laws: [],
    cost: "4 tokens headDim valueDim + 2 taps tokens valueDim operations")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try LinearTexts.requireOdd("kernel", parameters.kernel)
    self.parameters = parameters
    self.shape = shape
  }

  private var local: LocalConvolution? {
    guard parameters.residual else { return nil }
    return LocalConvolution(
      .fromMeanValue(
        first: "residualInner", firstBias: "residualInnerBias", second: "residualOuter",
        secondBias: "residualOuterBias"), size: parameters.kernel)
  }

  public var plan: Plan {
    let share = 1 / Double(shape.keyLength)
    // The mean may be taken off what is about it, rows of keys or of the state.
    let stage = FeatureAttention(
      queryMap: [.scale(shape.softmaxScale * share)], keyMap: [.statisticShift],
      statistic: .sampledKeyMean, normalizer: .means, local: local)
    return Plan(shape: shape, stages: [.features(stage)])
  }

  private var weights: [DrawnWeight] {
    guard let local else { return [] }
    let (heads, width) = (shape.keyValueHeads, shape.valueDim)
    let outputs = local.tapCount(shape: shape) * width
    let deviation = 1 / Double(width).squareRoot()
    return [
      DrawnWeight(
        "residualInner", [heads, width, width], "[heads, valueDim, valueDim]",
        "first layer of the kernel's network, N(0, 1 / valueDim)", .normal(deviation)),
      DrawnWeight(
        "residualInnerBias", [heads, width], "[heads, valueDim]", "its bias, N(0, 0.01)",
        .normal(0.1)),
      DrawnWeight(
        "residualOuter", [heads, outputs, width], "[heads, taps valueDim, valueDim]",
        "second layer, N(0, 1 / valueDim)", .normal(deviation)),
      DrawnWeight(
        "residualOuterBias", [heads, outputs], "[heads, taps valueDim]", "its bias, N(0, 0.01)",
        .normal(0.1)),
    ]
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    return problem.mapHeads { head, _, queryHead in
      let output = weighted(head)
      guard parameters.residual else { return output }
      let keyHead = queryHead / shape.headGroup
      let mean = (0..<head.value.width).map { channel in
        (0..<head.value.count).reduce(0) { $0 + head.value[$1, channel] }
          / Double(head.value.count)
      }
      let hidden = zip(
        RowReference.product(reference.part("residualInner", keyHead), mean),
        reference.part("residualInnerBias", keyHead)
      ).map { RowReference.gelu($0 + $1) }
      let kernel = zip(
        RowReference.product(reference.part("residualOuter", keyHead), hidden),
        reference.part("residualOuterBias", keyHead)
      ).map { $0 + $1 }
      return reference.adding(
        convolutionOf: head.value, size: parameters.kernel, to: output
      ) { channel, tap in kernel[tap * head.value.width + channel] }
    }
  }

  /// The weights as the paper writes them, one row at a time.
  private func weighted(_ head: ReferenceHead) -> Rows {
    var output = Rows(count: head.query.count, width: head.value.width)
    let count = Double(head.key.count)
    for query in 0..<head.query.count {
      let scores = (0..<head.key.count).map {
        shape.softmaxScale * head.query.dot(query, head.key, $0)
      }
      let mean = scores.reduce(0, +) / count
      for key in 0..<head.key.count {
        output.add((scores[key] - mean + 1) / count, head.value, key, to: query)
      }
    }
    return output
  }
}
