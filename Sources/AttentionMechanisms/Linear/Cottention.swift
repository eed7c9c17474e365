// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention by cosines, divided by a learned power of the length.
///
/// `o_i = sum_j cos(q_i, k_j) v_j / n^sigmoid(m_h)` over `n` keys; with causality the value of key
/// `j = 1 ...` is divided by `j^sigmoid(m_h)` instead, as in the authors' code. Weights may be negative.
///
/// One head does `2 (queryLength + keyLength) headDim valueDim` operations.
///
/// Source: Mongaras et al., *Cottention: Linear Transformers With Cosine Attention* (2024),
/// arXiv:2409.18747, equations 3 to 6.
public struct Cottention: AttentionMechanism {
  public static let card = MechanismCard(
    id: "cottention", title: "Cottention", family: .linear,
    origin: Citation(
      "Cottention: Linear Transformers With Cosine Attention", arXiv: "2409.18747", year: 2024),
    summary: "Cosines in place of a softmax, divided by a learned power of the length.",
    patterns: [.noncausalSelf, .noncausalCross, .causalSelf], exactness: .approximate,
    laws: [.headEquivariant, .causal], cost: LinearTexts.state)

  private static let epsilon = 1e-12
  public let parameters: NoParameters
  private let shape: AttentionShape

  public init(_ parameters: NoParameters, shape: AttentionShape) throws(MechanismError) {
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let unit = RowOperation.unit(epsilon: Self.epsilon)
    let power = RowOperation.lengthPower(weight: "exponent", wholeLength: !shape.isCausal)
    let stage = FeatureAttention(
      queryMap: shape.isCausal ? [unit] : [unit, power],
      keyMap: shape.isCausal ? [unit, power] : [unit], normalizer: .none)
    return Plan(shape: shape, stages: [.features(stage)])
  }

  private var weights: [DrawnWeight] {
    [
      DrawnWeight(
        "exponent", [shape.isCausal ? shape.keyValueHeads : shape.queryHeads],
        shape.isCausal ? "[keyValueHeads]" : "[queryHeads]",
        "the power of the length is its sigmoid; 0.5 before training", .constant(0.5))
    ]
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let exponents = problem.weights["exponent"]
    return problem.mapHeads { head, _, queryHead in
      let index = shape.isCausal ? queryHead / shape.headGroup : queryHead
      let power = RowReference.sigmoid(Double(exponents[index]))
      let unit = { (rows: Rows) in
        rows.mapRows { row, _ in
          row.map { $0 / max(RowReference.norm(row), Self.epsilon) }
        }
      }
      let (query, key) = (unit(head.query), unit(head.key))
      var output = Rows(count: query.count, width: head.value.width)
      for row in 0..<query.count {
        for other in 0..<key.count
        where SoftmaxReference.allows(shape, query: row, key: other) {
          let length = Double(shape.isCausal ? other + 1 : key.count)
          output.add(
            query.dot(row, key, other) / Double.pow(length, power), head.value, other, to: row)
        }
      }
      return output
    }
  }
}
