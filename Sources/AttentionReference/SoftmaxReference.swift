// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// Softmax attention in Double, straight from its definition.
public enum SoftmaxReference {
  /// `o_i = sum_j softmax_j(scale * q_i . k_j + bias) v_j` over the keys that `allows(i, j)`.
  ///
  /// A query without any key gives a row of zeros. Where `queries` names rows, the others stay zero.
  public static func attend(
    _ head: ReferenceHead, scale: Double, queries: [Int]? = nil,
    bias: (Int, Int) -> Double = { _, _ in 0 }, allows: (_ query: Int, _ key: Int) -> Bool
  ) -> Rows {
    var output = Rows(count: head.query.count, width: head.value.width)
    for query in queries ?? Array(0..<head.query.count) {
      var keys: [(index: Int, score: Double)] = []
      for key in 0..<head.key.count where allows(query, key) {
        keys.append((key, scale * head.query.dot(query, head.key, key) + bias(query, key)))
      }
      guard let maximum = keys.map(\.score).max() else { continue }
      var denominator = 0.0
      for key in keys {
        let weight = Double.exp(key.score - maximum)
        denominator += weight
        output.add(weight, head.value, key.index, to: query)
      }
      output.scale(row: query, by: 1 / denominator)
    }
    return output
  }

  /// Softmax attention of every head under the shape's own causality and scale.
  ///
  /// Where `queries` names rows of each head, the others stay zero.
  public static func dense(_ problem: ReferenceProblem, queries: [Int]? = nil) -> ReferenceOutput {
    let shape = problem.shape
    return problem.mapHeads { head, _, _ in
      attend(head, scale: shape.softmaxScale, queries: queries) { query, key in
        allows(shape, query: query, key: key)
      }
    }
  }

  /// Whether causality lets `query` see `key`.
  public static func allows(_ shape: AttentionShape, query: Int, key: Int) -> Bool {
    switch shape.causality {
    case .none: true
    case .topLeft: key <= query
    case .bottomRight: key - query <= shape.keyLength - shape.queryLength
    }
  }
}
