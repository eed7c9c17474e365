// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention by a Taylor expansion of the exponential in a few channels.
///
/// Queries and keys are projected to `channels`; `w_ij = 1 + s + s^2 / 2`, `s = q . k / sqrt(channels)`,
/// exactly as products of `1 + c + c (c + 1) / 2` features; outputs are divided by the sum of weights
/// plus `epsilon`. Tensors are those of ``Linear``.
///
/// One head does `2 (queryLength + keyLength) (headDim channels + features (valueDim + 1))` operations.
///
/// - Note: the model alternates this with layers of short windows, which are a mechanism of their own.
///   The projections stand for those from the layer's input to its narrow queries and keys.
///
/// Source: Arora et al., *Simple linear attention language models balance the recall-throughput
/// tradeoff* (2024), arXiv:2402.18668, section 4.
public struct Based: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var channels = 16
    public var epsilon = 1e-12

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("channels", \.channels, "Channels of projected queries and keys."),
      ParameterField("epsilon", \.epsilon, "Added to the sum of weights."),
    ]
  }

  public static let card = MechanismCard(
    id: "based", title: "Based", family: .scan,
    origin: Citation(
      "Simple linear attention language models balance the recall-throughput tradeoff",
      arXiv: "2402.18668", year: 2024),
    summary: "A Taylor expansion of the exponential in 16 channels as features.",
    patterns: LinearTexts.everywhere, exactness: .approximate, laws: [.rowStochastic, .causal],
    cost: "2 (queries + keys) (headDim channels + features (valueDim + 1)) operations")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard (1...256).contains(parameters.channels) else {
      throw .outOfRange(
        parameter: "channels", value: "\(parameters.channels)", rule: "it must be in 1 ... 256")
    }
    try LinearTexts.requireEpsilon(parameters.epsilon)
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let factor = 1 / Double(parameters.channels).squareRoot().squareRoot()
    let steps = { (side: String) -> [RowOperation] in
      [
        .project(weight: side, bias: nil, width: parameters.channels),
        .taylor(factor: factor),
      ]
    }
    let stage = FeatureAttention(
      queryMap: steps("queryMap"), keyMap: steps("keyMap"),
      normalizer: .sum(epsilon: parameters.epsilon))
    return Plan(shape: shape, stages: [.features(stage)])
  }

  private var weights: [DrawnWeight] {
    [weights("queryMap", heads: shape.queryHeads), weights("keyMap", heads: shape.keyValueHeads)]
  }

  private func weights(_ side: String, heads: Int) -> DrawnWeight {
    DrawnWeight(
      side, [heads, parameters.channels, shape.headDim], "[heads, channels, headDim]",
      "projection to narrow rows, N(0, 1 / headDim)",
      .normal(1 / Double(shape.headDim).squareRoot()))
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    let scale = 1 / Double(parameters.channels).squareRoot()
    return problem.mapHeads { head, _, queryHead in
      let query = head.query.mapRows { row, _ in
        RowReference.product(reference.part("queryMap", queryHead), row)
      }
      let key = head.key.mapRows { row, _ in
        RowReference.product(reference.part("keyMap", queryHead / shape.headGroup), row)
      }
      var output = Rows(count: query.count, width: head.value.width)
      for row in 0..<query.count {
        var sum = 0.0
        for other in 0..<key.count where reference.allows(row, other) {
          let score = scale * query.dot(row, key, other)
          let weight = 1 + score + score * score / 2
          sum += weight
          output.add(weight, head.value, other, to: row)
        }
        output.scale(row: row, by: 1 / (sum + parameters.epsilon))
      }
      return output
    }
  }
}
