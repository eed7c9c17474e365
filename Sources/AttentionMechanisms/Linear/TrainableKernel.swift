// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention whose feature map is a small network per head.
///
/// `phi(x) = softplus(W2 gelu(W1 x + b1) + b2)`; outputs are divided by the sum of feature products
/// plus `epsilon`. Weights of queries and of keys are the same network of a head where heads are not
/// shared, and stand in tensors of their own. Tensors are those of ``Linear``.
///
/// One head does `2 (queryLength + keyLength) (headDim hidden + hidden features + features valueDim)`
/// operations.
///
/// - Note: the paper trains several forms; this is its two-layer network, with a last layer that
///   keeps weights positive. Widths are those of the head.
///
/// Source: Yorsh and Kovalenko, *Linear Self-Attention Approximation via Trainable Feedforward
/// Kernel* (2022), arXiv:2211.04076, section 3.
public struct TrainableKernel: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var hidden = 64
    public var features = 64
    public var epsilon = 1e-6

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("hidden", \.hidden, "Channels between the layers."),
      ParameterField("features", \.features, "Number of features."),
      ParameterField("epsilon", \.epsilon, "Added to the sum of feature products."),
    ]
  }

  public static let card = MechanismCard(
    id: "trainable-kernel", title: "Trainable feed-forward kernel", family: .linear,
    origin: Citation(
      "Linear Self-Attention Approximation via Trainable Feedforward Kernel", arXiv: "2211.04076",
      year: 2022),
    summary: "Linear attention whose features come from a small network per head.",
    patterns: LinearTexts.everywhere, exactness: .approximate,
    laws: [.rowStochastic, .causal],
    cost: "2 (queries + keys) (headDim hidden + hidden features + features valueDim) operations")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("hidden", parameters.hidden, atLeast: 1)
    try Self.require("features", parameters.features, atLeast: 1)
    try LinearTexts.requireEpsilon(parameters.epsilon)
    self.parameters = parameters
    self.shape = shape
  }

  private func steps(_ side: String) -> [RowOperation] {
    [
      .project(weight: side + "Inner", bias: side + "InnerBias", width: parameters.hidden),
      .activate(.gelu),
      .project(weight: side + "Outer", bias: side + "OuterBias", width: parameters.features),
      .activate(.softplus),
    ]
  }

  public var plan: Plan {
    let stage = FeatureAttention(
      queryMap: steps("query"), keyMap: steps("key"),
      normalizer: .sum(epsilon: parameters.epsilon))
    return Plan(shape: shape, stages: [.features(stage)])
  }

  private var weights: [DrawnWeight] {
    FeatureNetwork(
      shape: shape, hidden: parameters.hidden, outputs: (parameters.features, "features")
    ).weights
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    return reference.attend(epsilon: parameters.epsilon) { rows, side, head in
      reference.network(side, head, rows) { $0.map(RowReference.gelu) }.map(RowReference.softplus)
    }
  }
}
