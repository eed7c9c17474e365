// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention with learned, spiky features that mimic a softmax.
///
/// `y = W x + b`, `phi(x) = softmax(t y, -t y)` over twice the channels; outputs are divided by the sum
/// of feature products plus `epsilon`. Drawn weights are those before training: the identity and 0.
///
/// One head does `2 (queryLength + keyLength) headDim (headDim + 2 valueDim)` operations and
/// `2 (queryLength + keyLength) headDim` exponentials.
///
/// - Note: the paper's first form is `(exp y, exp -y)`; the softmax over it, which it uses in
///   practice, cannot overflow.
///
/// Source: Zhang et al., *The Hedgehog & the Porcupine: Expressive Linear Attentions with Softmax
/// Mimicry* (2024), arXiv:2402.04347, equation 3.
public struct Hedgehog: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var temperature = 2.0
    public var epsilon = 1e-6

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("temperature", \.temperature, "Factor of the map ahead of its exponentials."),
      ParameterField("epsilon", \.epsilon, "Added to the sum of feature products."),
    ]
  }

  public static let card = MechanismCard(
    id: "hedgehog", title: "Hedgehog", family: .linear,
    origin: Citation(
      "The Hedgehog & the Porcupine: Expressive Linear Attentions with Softmax Mimicry",
      arXiv: "2402.04347", year: 2024),
    summary: "Features are a softmax over a learned projection and its negation.",
    patterns: LinearTexts.everywhere, exactness: .approximate, laws: [.causal, .headEquivariant],
    cost: "2 (queries + keys) headDim (headDim + 2 valueDim) operations, 2 (queries + keys) "
      + "headDim exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.temperature > 0 else {
      throw .outOfRange(
        parameter: "temperature", value: "\(parameters.temperature)", rule: "it must be above 0")
    }
    try LinearTexts.requireEpsilon(parameters.epsilon)
    self.parameters = parameters
    self.shape = shape
  }

  private func steps(_ side: String) -> [RowOperation] {
    [
      .project(weight: side, bias: side + "Bias", width: shape.headDim),
      .pairs(factor: parameters.temperature), .softmax,
    ]
  }

  public var plan: Plan {
    let stage = FeatureAttention(
      queryMap: steps("queryMap"), keyMap: steps("keyMap"),
      normalizer: .sum(epsilon: parameters.epsilon))
    return Plan(shape: shape, stages: [.features(stage)])
  }

  private var weights: [DrawnWeight] {
    weights("queryMap", heads: shape.queryHeads)
      + weights("keyMap", heads: shape.keyValueHeads)
  }

  private func weights(_ side: String, heads: Int) -> [DrawnWeight] {
    let width = shape.headDim
    return [
      DrawnWeight(
        side, [heads, width, width], "[heads, headDim, headDim]",
        "matrix of the map, the identity before training", .identity),
      DrawnWeight(
        side + "Bias", [heads, width], "[heads, headDim]", "its bias, 0", .constant(0)),
    ]
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    return reference.attend(epsilon: parameters.epsilon) { rows, side, head in
      let matrix = reference.part(side.rawValue + "Map", head)
      let bias = reference.part(side.rawValue + "MapBias", head)
      return rows.mapRows { row, _ in
        let mapped = zip(RowReference.product(matrix, row), bias).map {
          parameters.temperature * ($0 + $1)
        }
        return RowReference.softmax(mapped + mapped.map { -$0 })
      }
    }
  }
}
