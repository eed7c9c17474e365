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
    FeatureNetwork(shape: shape, hidden: parameters.hidden, outputs: (shape.headDim, "headDim"))
      .weights
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    let epsilon = parameters.epsilon * Double(shape.keyLength)
    return reference.attend(epsilon: epsilon) { rows, side, head in
      let added = reference.network(side, head, rows) { layer in
        RowReference.normalised(layer, epsilon: Self.normEpsilon).map {
          $0 > 0 ? $0 : parameters.slope * $0
        }
      }
      return rows.mapRows { row, index in
        zip(row, added[index]).map { RowReference.elu1($0 + $1) }
      }
    }
  }
}
