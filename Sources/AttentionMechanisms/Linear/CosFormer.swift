// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention with ReLU features, weighed by the cosine of the distance.
///
/// `w_ij = relu(q_i) . relu(k_j) cos(pi (i - j) / 2 n)`, `n` the longer of the sequences, as a sum of two
/// products; outputs are divided by the sum of weights plus `epsilon`. Tensors are those of
/// ``Linear``.
///
/// One head does `4 (queryLength + keyLength) headDim (valueDim + 1)` operations.
///
/// - Note: the authors' code keeps the sum at or above `epsilon` instead of adding it.
///
/// Source: Qin et al., *cosFormer: Rethinking Softmax in Attention* (2022), arXiv:2202.08791,
/// equations 8 to 10.
public struct CosFormer: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var epsilon = 1e-6

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("epsilon", \.epsilon, "Added to the sum of weights.")
    ]
  }

  public static let card = MechanismCard(
    id: "cosformer", title: "cosFormer", family: .linear,
    origin: Citation(
      "cosFormer: Rethinking Softmax in Attention", arXiv: "2202.08791", year: 2022),
    summary: "ReLU features, and weights that fall with the cosine of the distance.",
    patterns: LinearTexts.everywhere, exactness: .approximate,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "4 (queries + keys) headDim (valueDim + 1) operations")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try LinearTexts.requireEpsilon(parameters.epsilon)
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let steps: [RowOperation] = [.activate(.relu(plus: 0)), .quarterWave]
    let stage = FeatureAttention(
      queryMap: steps, keyMap: steps, normalizer: .sum(epsilon: parameters.epsilon))
    return Plan(shape: shape, stages: [.features(stage)])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let offset = max(shape.causalOffset, 0)
    let longest = Double(max(shape.queryLength, shape.keyLength))
    return problem.mapHeads { head, _, _ in
      let query = head.query.map { max($0, 0) }
      let key = head.key.map { max($0, 0) }
      var output = Rows(count: query.count, width: head.value.width)
      for row in 0..<query.count {
        var sum = 0.0
        for other in 0..<key.count
        where SoftmaxReference.allows(shape, query: row, key: other) {
          let angle = Double.pi / 2 * Double(row + offset - other) / longest
          let weight = query.dot(row, key, other) * Double.cos(angle)
          sum += weight
          output.add(weight, head.value, other, to: row)
        }
        output.scale(row: row, by: 1 / (sum + parameters.epsilon))
      }
      return output
    }
  }
}
