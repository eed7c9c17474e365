// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Generalised linear attention of LinFusion: features behind a small network with a shortcut.
///
/// `phi(x) = elu(x + W2 leaky(norm(W1 x + b1)) + b2) + 1`; outputs are divided by the mean of feature
/// products plus `epsilon`. Tensors are those of ``Linear``.
///
/// One head does `2 (queryLength + keyLength) headDim (2 hidden + valueDim)` operations.
///
/// - Note: in the authors' layer the network stands ahead of the projections to queries and keys and
///   reads the layer's input; here it reads the rows of the head.
///
/// Source: Liu et al., *LinFusion: 1 GPU, 1 Minute, 16K Image* (2024), arXiv:2409.02097, section 3.2.
public struct LinFusion: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var hidden = 64
    public var slope = 0.01
    public var epsilon = 1e-4

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("hidden", \.hidden, "Channels between the layers."),
      ParameterField("slope", \.slope, "Slope of the activation below 0."),
      ParameterField("epsilon", \.epsilon, "Added to the mean of feature products."),
    ]
  }

  public static let card = MechanismCard(
    id: "linfusion", title: "LinFusion", family: .linear,
    origin: Citation("LinFusion: 1 GPU, 1 Minute, 16K Image", arXiv: "2409.02097", year: 2024),
    summary: "Non-causal linear attention whose features pass a small network with a shortcut.",
    patterns: LinearTexts.noncausal, exactness: .approximate, laws: [],
    cost: "2 (queries + keys) headDim (2 hidden + valueDim) operations")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("hidden", parameters.hidden, atLeast: 1)
    try LinearTexts.requireEpsilon(parameters.epsilon)
    self.parameters = parameters
    self.shape = shape
  }

  private static let normEpsilon = 1e-5

  private func steps(_ side: String) -> [RowOperation] {
    [
      .project(weight: side + "Inner", bias: side + "InnerBias", width: parameters.hidden),
      .layerNorm(epsilon: Self.normEpsilon), .activate(.leakyReLU(slope: parameters.slope)),
      .project(weight: side + "Outer", bias: side + "OuterBias", width: shape.headDim),
      .addInput, .activate(.elu1),
    ]
  }

  public var plan: Plan {
    let stage = FeatureAttention(
      queryMap: steps("query"), keyMap: steps("key"),
      normalizer: .sum(epsilon: parameters.epsilon * Double(shape.keyLength)))
    return Plan(shape: shape, stages: [.features(stage)])
  }

  private var weights: [DrawnWeight] {
    weights("query", heads: shape.queryHeads)
      + weights("key", heads: shape.keyValueHeads)
  }

  private func weights(_ side: String, heads: Int) -> [DrawnWeight] {
    let (hidden, width) = (parameters.hidden, shape.headDim)
    return [
      DrawnWeight(
        side + "Inner", [heads, hidden, width], "[heads, hidden, headDim]",
        "first layer, N(0, 1 / headDim)", .normal(1 / Double(width).squareRoot())),
      DrawnWeight(
        side + "InnerBias", [heads, hidden], "[heads, hidden]", "its bias, 0", .constant(0)),
      DrawnWeight(
        side + "Outer", [heads, width, hidden], "[heads, headDim, hidden]",
        "second layer, N(0, 1 / hidden)", .normal(1 / Double(hidden).squareRoot())),
      DrawnWeight(
        side + "OuterBias", [heads, width], "[heads, headDim]", "its bias, 0", .constant(0)),
    ]
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    return problem.mapHeads { head, _, queryHead in
      FeatureReference.attend(
        queryFeatures: features(head.query, reference, "query", queryHead),
        keyFeatures: features(head.key, reference, "key", queryHead / shape.headGroup),
        value: head.value, epsilon: parameters.epsilon * Double(shape.keyLength)
      ) { _, _ in true }
    }
  }

  private func features(
    _ rows: Rows, _ reference: LinearReference, _ side: String, _ head: Int
  ) -> Rows {
    let inner = reference.part(side + "Inner", head)
    let innerBias = reference.part(side + "InnerBias", head)
    let outer = reference.part(side + "Outer", head)
    let outerBias = reference.part(side + "OuterBias", head)
    return rows.mapRows { row, _ in
      let layer = zip(RowReference.product(inner, row), innerBias).map { $0 + $1 }
      let hidden = RowReference.normalised(layer, epsilon: Self.normEpsilon).map {
        $0 > 0 ? $0 : parameters.slope * $0
      }
      let added = zip(RowReference.product(outer, hidden), outerBias).map { $0 + $1 }
      return zip(row, added).map { RowReference.elu1($0 + $1) }
    }
  }
}
