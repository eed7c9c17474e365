// SPDX-License-Identifier: MIT

import AttentionCore

/// Kernelised attention in Double, in its quadratic form: no state, no chunks.
public enum FeatureReference {
  /// `o_i = sum_j w_ij v_j` with `w_ij = decay^(i-j) phi_q(i) . phi_k(j)` over the allowed keys.
  ///
  /// Features are `[queryLength, featureDim]` and `[keyLength, featureDim]`; `decay` is the factor per
  /// token of distance. Without `epsilon` the sum stays as it is, otherwise it is divided by
  /// `sum_j w_ij + epsilon`.
  public static func attend(
    queryFeatures: Rows, keyFeatures: Rows, value: Rows, decay: Double = 1, epsilon: Double?,
    allows: (_ query: Int, _ key: Int) -> Bool
  ) -> Rows {
    var output = Rows(count: queryFeatures.count, width: value.width)
    for query in 0..<queryFeatures.count {
      var sum = 0.0
      for key in 0..<keyFeatures.count where allows(query, key) {
        var weight = queryFeatures.dot(query, keyFeatures, key)
        if decay != 1 { weight *= power(decay, abs(query - key)) }
        sum += weight
        output.add(weight, value, key, to: query)
      }
      if let epsilon { output.scale(row: query, by: 1 / (sum + epsilon)) }
    }
    return output
  }

  private static func power(_ base: Double, _ exponent: Int) -> Double {
    var result = 1.0
    var factor = base
    var rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { result *= factor }
      factor *= factor
      rest >>= 1
    }
    return result
  }
}
