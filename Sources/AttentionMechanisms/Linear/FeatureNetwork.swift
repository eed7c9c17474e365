// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// A network of two layers per head, one for queries and one for keys, of which a feature map is made.
///
/// The weights of a side are `Inner`, `InnerBias`, `Outer` and `OuterBias` behind its name.
struct FeatureNetwork {
  let shape: AttentionShape
  let hidden: Int
  /// Channels of the second layer, and what layouts call them.
  let outputs: (count: Int, name: String)

  /// Rows of both layers keep the variance of their input; biases are 0.
  var weights: [DrawnWeight] {
    weights("query", heads: shape.queryHeads) + weights("key", heads: shape.keyValueHeads)
  }

  private func weights(_ side: String, heads: Int) -> [DrawnWeight] {
    [
      DrawnWeight(
        side + "Inner", [heads, hidden, shape.headDim], "[heads, hidden, headDim]",
        "first layer, N(0, 1 / headDim)", .normal(1 / Double(shape.headDim).squareRoot())),
      DrawnWeight(
        side + "InnerBias", [heads, hidden], "[heads, hidden]", "its bias, 0", .constant(0)),
      DrawnWeight(
        side + "Outer", [heads, outputs.count, hidden], "[heads, \(outputs.name), hidden]",
        "second layer, N(0, 1 / hidden)", .normal(1 / Double(hidden).squareRoot())),
      DrawnWeight(
        side + "OuterBias", [heads, outputs.count], "[heads, \(outputs.name)]", "its bias, 0",
        .constant(0)),
    ]
  }
}

extension LinearReference {
  /// Output of a head's network of two layers for every row, with `activate` between them.
  func network(
    _ side: FeatureSide, _ head: Int, _ rows: Rows, activate: ([Double]) -> [Double]
  ) -> Rows {
    let name = side.rawValue
    let (inner, innerBias) = (part(name + "Inner", head), part(name + "InnerBias", head))
    let (outer, outerBias) = (part(name + "Outer", head), part(name + "OuterBias", head))
    return rows.mapRows { row, _ in
      let hidden = zip(RowReference.product(inner, row), innerBias).map { $0 + $1 }
      return zip(RowReference.product(outer, activate(hidden)), outerBias).map { $0 + $1 }
    }
  }
}
