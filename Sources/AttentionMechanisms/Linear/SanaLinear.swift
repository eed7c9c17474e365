// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention with ReLU features turned by their place in the numerator, causal by blocks.
///
/// `o_i = sum_j (R_i relu(q_i)) . (R_j relu(k_j)) v_j / (relu(q_i) . sum_j relu(k_j) + epsilon)`. With
/// causality a query sees the whole block of tokens that it stands in and all earlier ones: a
/// cumulative state of constant size. On a grid the channels are shared among its axes.
///
/// One head does `4 length headDim valueDim` operations.
///
/// - Note: a row of queries without a positive channel gives zeros; sums near the epsilon of 1e-15
///   make the quotient ill-conditioned.
///
/// Source: Chen et al., *SANA-Video: Efficient Video Generation with Block Linear Diffusion
/// Transformer* (2025), arXiv:2509.24695, section 3.
public struct SanaLinear: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    /// Causal: tokens per block, such as a frame.
    public var block = 64
    public var rotates = true
    public var rotaryBase = 10_000.0
    public var epsilon = 1e-15

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("block", \.block, "Causal: tokens per block, such as a frame."),
      ParameterField("rotates", \.rotates, "Whether features turn by their place."),
      ParameterField("rotaryBase", \.rotaryBase, "Base of the angles."),
      ParameterField("epsilon", \.epsilon, "Added to the sum of feature products."),
    ]
  }

  public static let card = MechanismCard(
    id: "sana-linear", title: "Block linear attention of SANA-Video", family: .linear,
    origin: Citation(
      "SANA-Video: Efficient Video Generation with Block Linear Diffusion Transformer",
      arXiv: "2509.24695", year: 2025),
    summary: "ReLU features turned by their place; causal by blocks with a state of constant size.",
    patterns: [.noncausalSelf, .causalSelf], exactness: .approximate, laws: [],
    cost: "4 tokens headDim valueDim operations")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("block", parameters.block, atLeast: 1)
    try LinearTexts.requireEpsilon(parameters.epsilon)
    guard parameters.rotaryBase > 1 else {
      throw .outOfRange(
        parameter: "rotaryBase", value: "\(parameters.rotaryBase)", rule: "it must be above 1")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let turn: [RowOperation] =
      parameters.rotates
      ? [.mark, .rotate(RowOperation.Rotation(base: parameters.rotaryBase, usesGrid: true))] : []
    let epsilon = parameters.epsilon
    let stage = FeatureAttention(
      queryMap: [.activate(.relu(plus: 0))] + turn, keyMap: [.activate(.relu(plus: 0))] + turn,
      recurrence: shape.isCausal ? .blocks(parameters.block) : .sum,
      normalizer: parameters.rotates ? .marked(epsilon: epsilon) : .sum(epsilon: epsilon))
    return Plan(shape: shape, stages: [.features(stage)])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    return problem.mapHeads { head, _, _ in
      let query = head.query.map { max($0, 0) }
      let key = head.key.map { max($0, 0) }
      let (turnedQuery, turnedKey) = (turned(query, reference), turned(key, reference))
      var output = Rows(count: query.count, width: head.value.width)
      for index in 0..<query.count {
        var sum = 0.0
        for other in 0..<key.count
        where !shape.isCausal || other / parameters.block <= index / parameters.block {
          sum += query.dot(index, key, other)
          output.add(turnedQuery.dot(index, turnedKey, other), head.value, other, to: index)
        }
        output.scale(row: index, by: 1 / (sum + parameters.epsilon))
      }
      return output
    }
  }

  private func turned(_ rows: Rows, _ reference: LinearReference) -> Rows {
    rows.mapRows { row, index in
      guard parameters.rotates else { return row }
      return RowReference.rotated(
        row, coordinates: reference.coordinates(index), base: parameters.rotaryBase)
    }
  }
}
