// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Attention whose weights are a polynomial of scores, factored exactly into features.
///
/// `w_ij = 1 + s + s^2 / 2`, `s = q_i . k_j` with queries and keys divided by the longest of their head,
/// times `limit`; outputs are divided by the sum of weights. Products of two channels stand once each:
/// `1 + d + d (d + 1) / 2` features. Weights are at least 1/2.
///
/// One head does `(queryLength + keyLength) headDim^2 valueDim` operations.
///
/// - Note: the longest is that of the whole sequence, causal or not.
///
/// Source: Gerami et al., *FAST: Factorizable Attention for Speeding up Transformers* (2024),
/// arXiv:2402.07901, equations 7 to 9.
public struct FastMax: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var limit = 1.0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("limit", \.limit, "Length of the longest query and of the longest key.")
    ]
  }

  public static let card = MechanismCard(
    id: "fastmax", title: "FAST", family: .linear,
    origin: Citation(
      "FAST: Factorizable Attention for Speeding up Transformers", arXiv: "2402.07901",
      year: 2024),
    summary: "A polynomial of second order in the score, exactly as products of features.",
    patterns: LinearTexts.everywhere, exactness: .approximate,
    laws: [.rowStochastic, .headEquivariant],
    cost: "(queries + keys) headDim^2 valueDim operations")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.limit > 0 else {
      throw .outOfRange(
        parameter: "limit", value: "\(parameters.limit)", rule: "it must be above 0")
    }
    guard shape.headDim <= 256 else {
      throw .unsupportedShape(
        mechanism: "fastmax", shape: "\(shape)",
        rule: "features grow with the square of headDim, which must be at most 256")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let steps: [RowOperation] = [.statisticScale, .taylor(factor: 1)]
    let stage = FeatureAttention(
      queryMap: steps, keyMap: steps, statistic: .largestNorms(limit: parameters.limit),
      normalizer: .sum(epsilon: 0))
    return Plan(shape: shape, stages: [.features(stage)])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, _ in
      let (query, key) = (limited(head.query), limited(head.key))
      var output = Rows(count: query.count, width: head.value.width)
      for row in 0..<query.count {
        var sum = 0.0
        for other in 0..<key.count
        where SoftmaxReference.allows(shape, query: row, key: other) {
          let score = query.dot(row, key, other)
          let weight = 1 + score + score * score / 2
          sum += weight
          output.add(weight, head.value, other, to: row)
        }
        if sum > 0 { output.scale(row: row, by: 1 / sum) }
      }
      return output
    }
  }

  private func limited(_ rows: Rows) -> Rows {
    let longest = (0..<rows.count).map { RowReference.norm(Array(rows[$0])) }.max() ?? 0
    return longest > 0 ? rows.map { $0 * parameters.limit / longest } : rows
  }
}
