// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention with two softmaxes: queries over their channels, keys over the tokens.
///
/// `O = rho(Q) (sigma(K)^T V)`, `rho` the softmax of every row, `sigma` that of every column. Weights
/// of a query sum to 1 without a denominator. Tensors are those of ``Linear``; there is no scale.
///
/// One head does `2 (queryLength + keyLength) headDim valueDim` operations and
/// `(queryLength + keyLength) headDim` exponentials.
///
/// Source: Shen et al., *Efficient Attention: Attention with Linear Complexities* (2018),
/// arXiv:1812.01243, equations 4 and 6.
public struct EfficientAttention: AttentionMechanism {
  public static let card = MechanismCard(
    id: "efficient", title: "Efficient attention", family: .linear,
    origin: Citation(
      "Efficient Attention: Attention with Linear Complexities", arXiv: "1812.01243", year: 2018),
    summary: "Queries are a softmax over channels, keys one over tokens; products from the right.",
    patterns: LinearTexts.noncausal, exactness: .approximate,
    laws: [.rowStochastic, .headEquivariant],
    cost: LinearTexts.state + ", (queries + keys) headDim exponentials")

  public let parameters: NoParameters
  private let shape: AttentionShape

  public init(_ parameters: NoParameters, shape: AttentionShape) throws(MechanismError) {
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let stage = FeatureAttention(
      queryMap: [.softmax], keyMap: [.statisticExponential], statistic: .sampledKeyMaxima,
      normalizer: .keySums)
    return Plan(shape: shape, stages: [.features(stage)])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, _ in
      FeatureReference.attend(
        queryFeatures: head.query.mapRows { row, _ in RowReference.softmax(row) },
        keyFeatures: head.key.mapColumns(RowReference.softmax), value: head.value, epsilon: nil
      ) { _, _ in true }
    }
  }
}

extension Rows {
  /// The columns, each by itself.
  func mapColumns(_ transform: (_ column: [Double]) -> [Double]) -> Rows {
    var result = self
    for column in 0..<width {
      let mapped = transform((0..<count).map { self[$0, column] })
      for row in 0..<count { result[row, column] = mapped[row] }
    }
    return result
  }
}
