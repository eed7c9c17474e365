// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention whose keys are a softmax over the tokens, so that a decay need not be learned.
///
/// `o_t = silu(q_t) sum_(j <= t) k'_tj v_j^T`, `k'_tj = exp(k_j) / sum_(i <= t) exp(k_i)` by channel; without
/// causality the sums run over all tokens, so that one scan serves several dimensions. Tensors are
/// those of ``Linear``.
///
/// One head does `2 (queryLength + keyLength) headDim valueDim` operations and
/// `(queryLength + keyLength) headDim` exponentials.
///
/// - Note: causal states keep sums of keys relative to the largest so far. The norm and gate of
///   outputs and the position encodings belong to the layer.
///
/// Source: Qin et al., *You Only Scan Once: Efficient Multi-dimension Sequential Modeling with
/// LightNet* (2024), arXiv:2405.21022, section 3.
public struct LightNet: AttentionMechanism {
  public static let card = MechanismCard(
    id: "lightnet", title: "LightNet", family: .scan,
    origin: Citation(
      "You Only Scan Once: Efficient Multi-dimension Sequential Modeling with LightNet",
      arXiv: "2405.21022", year: 2024),
    summary: "Keys are a softmax over the tokens seen so far, queries pass a gate.",
    patterns: [.noncausalSelf, .noncausalCross, .causalSelf], exactness: .approximate,
    laws: [.headEquivariant, .causal],
    cost: LinearTexts.state + ", (queries + keys) headDim exponentials")

  public let parameters: NoParameters
  private let shape: AttentionShape

  public init(_ parameters: NoParameters, shape: AttentionShape) throws(MechanismError) {
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let stage =
      shape.isCausal
      ? FeatureAttention(
        queryMap: [.activate(.silu)], keyMap: [], recurrence: .runningSoftmax, normalizer: .none)
      : FeatureAttention(
        queryMap: [.activate(.silu)], keyMap: [.statisticExponential], statistic: .sampledKeyMaxima,
        normalizer: .keySums)
    return Plan(shape: shape, stages: [.features(stage)])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, _ in
      let query = head.query.map(RowReference.silu)
      var output = Rows(count: query.count, width: head.value.width)
      for row in 0..<query.count {
        let seen = shape.visibleKeys(query: row)
        var weights = [Double](repeating: 0, count: seen)
        for channel in 0..<query.width {
          let shares = RowReference.softmax((0..<seen).map { head.key[$0, channel] })
          for key in 0..<seen { weights[key] += query[row, channel] * shares[key] }
        }
        for key in 0..<seen { output.add(weights[key], head.value, key, to: row) }
      }
      return output
    }
  }
}
