// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Rank-augmented linear attention: keys weighed by their similarity to the mean query.
///
/// `phi = elu + 1`; key features are multiplied by `n softmax_j(scale qbar . phi(k_j))`, `qbar` the
/// mean query feature. Features are then turned by their place, in the numerator alone, and a
/// depthwise convolution of the values is added. On a grid the channels are shared among its axes.
///
/// One head does `4 length headDim valueDim + 2 taps length valueDim` operations.
///
/// - Note: the gate on the output, a projection of the layer's input, belongs to the layer.
///
/// Source: Fan et al., *Breaking the Low-Rank Dilemma of Linear Attention* (2024),
/// arXiv:2411.07635, equations 5 to 7.
public struct RALA: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var rotates = true
    public var rotaryBase = 10_000.0
    public var kernel = 5
    public var epsilon = 1e-6

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("rotates", \.rotates, "Whether features turn by their place."),
      ParameterField("rotaryBase", \.rotaryBase, "Base of the angles."),
      ParameterField("kernel", \.kernel, "Taps of the convolution along an axis, odd."),
      ParameterField("epsilon", \.epsilon, "Added to the mean of feature products."),
    ]
  }

  public static let card = MechanismCard(
    id: "rala", title: "Rank-augmented linear attention", family: .linear,
    origin: Citation(
      "Breaking the Low-Rank Dilemma of Linear Attention", arXiv: "2411.07635", year: 2024),
    summary: "Keys are weighed by their similarity to the mean query before they are summed.",
    patterns: [.noncausalSelf], exactness: .approximate, laws: [],
    cost: "4 tokens headDim valueDim + 2 taps tokens valueDim operations")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try LinearTexts.requireOdd("kernel", parameters.kernel)
    try LinearTexts.requireEpsilon(parameters.epsilon)
    guard parameters.rotaryBase > 1 else {
      throw .outOfRange(
        parameter: "rotaryBase", value: "\(parameters.rotaryBase)", rule: "it must be above 1")
    }
    self.parameters = parameters
    self.shape = shape
  }

  private var local: LocalConvolution {
    LocalConvolution(
      .perChannel(weight: "convolution", bias: "convolutionBias"), size: parameters.kernel)
  }

  public var plan: Plan {
    let turn: [RowOperation] =
      parameters.rotates
      ? [.mark, .rotate(RowOperation.Rotation(base: parameters.rotaryBase, usesGrid: true))] : []
    let epsilon = parameters.epsilon * Double(shape.keyLength)
    let stage = FeatureAttention(
      queryMap: [.activate(.elu1)] + turn, keyMap: [.activate(.elu1), .statisticFactor] + turn,
      statistic: .similarityToMeanQuery,
      normalizer: parameters.rotates ? .marked(epsilon: epsilon) : .sum(epsilon: epsilon),
      local: local)
    return Plan(shape: shape, stages: [.features(stage)])
  }

  private var weights: [DrawnWeight] {
    let taps = local.tapCount(shape: shape)
    return [
      DrawnWeight(
        "convolution", [shape.keyValueHeads, shape.valueDim, taps],
        "[keyValueHeads, valueDim, taps]", "depthwise kernel, N(0, 1 / taps)",
        .normal(1 / Double(taps).squareRoot())),
      DrawnWeight(
        "convolutionBias", [shape.keyValueHeads, shape.valueDim], "[keyValueHeads, valueDim]",
        "its bias, 0", .constant(0)),
    ]
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    let taps = local.tapCount(shape: shape)
    return problem.mapHeads { head, _, queryHead in
      let query = head.query.map(RowReference.elu1)
      let key = head.key.map(RowReference.elu1)
      let output = weighted(query, key, head.value, reference)
      let kernel = Array(reference.part("convolution", queryHead / shape.headGroup))
      let bias = Array(reference.part("convolutionBias", queryHead / shape.headGroup))
      return reference.adding(
        convolutionOf: head.value, size: parameters.kernel, to: output, bias: bias
      ) { channel, tap in kernel[channel * taps + tap] }
    }
  }

  private func weighted(
    _ query: Rows, _ key: Rows, _ value: Rows, _ reference: LinearReference
  ) -> Rows {
    let count = Double(key.count)
    let mean = (0..<query.width).map { channel in
      (0..<query.count).reduce(0) { $0 + query[$1, channel] } / Double(query.count)
    }
    let similarity = RowReference.softmax(
      (0..<key.count).map { index in
        shape.softmaxScale * zip(key[index], mean).reduce(0) { $0 + $1.0 * $1.1 }
      })
    let turned = { (rows: Rows) in
      rows.mapRows { row, index in
        guard parameters.rotates else { return row }
        return RowReference.rotated(
          row, coordinates: reference.coordinates(index), base: parameters.rotaryBase)
      }
    }
    let (turnedQuery, turnedKey) = (turned(query), turned(key))
    var output = Rows(count: query.count, width: value.width)
    for index in 0..<query.count {
      var sum = 0.0
      for other in 0..<key.count {
        let factor = similarity[other] * count
        sum += factor * query.dot(index, key, other)
        output.add(factor * turnedQuery.dot(index, turnedKey, other), value, other, to: index)
      }
      output.scale(row: index, by: 1 / (sum + parameters.epsilon * count))
    }
    return output
  }
}
