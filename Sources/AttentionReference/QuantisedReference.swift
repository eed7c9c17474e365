// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// The quantisers in Float32, whose codes kernels must reproduce bit for bit, with Double after them.
public enum QuantisedReference {
  /// How weights are rounded when they meet INT8 values.
  public struct WeightRule: Sendable {
    public let levels: Int
    /// Keys between two updates of the running maximum.
    public let keyBlock: Int
    public let quantisedDenominator: Bool

    public init(levels: Int, keyBlock: Int, quantisedDenominator: Bool) {
      self.levels = levels
      self.keyBlock = keyBlock
      self.quantisedDenominator = quantisedDenominator
    }
  }

  /// `x` less its mean over rows, the mean rounded to Float32 once.
  public static func smoothed(_ x: Rows) -> Rows {
    var result = x
    for column in 0..<x.width {
      let sum = (0..<x.count).reduce(0.0) { $0 + x[$1, column] }
      let mean = Float(sum / Double(x.count))
      for row in 0..<x.count {
        result[row, column] = Double(Float(x[row, column]) - mean)
      }
    }
    return result
  }

  /// How a code follows from a value; the two differ in the last bit of a Float32 factor.
  public enum CodeForm: Sendable {
    /// `rn(x * (127 / max |x|))`: the largest value of the group is at hand.
    case largest
    /// `rn(x * (1 / scale))`: only the group's scale is, as for queries that are read strip by strip.
    case scale
  }

  /// Symmetric INT8 codes times their scale, one scale per `group` rows.
  public static func int8(_ x: Rows, group: Int, form: CodeForm = .largest) -> Rows {
    var result = x
    for first in stride(from: 0, to: x.count, by: group) {
      let range = first * x.width..<min(first + group, x.count) * x.width
      let values = x.values[range].map { Float($0) }
      let (codes, scale) = codes(values, form: form)
      result.values.replaceSubrange(range, with: codes.map { Double($0) * Double(scale) })
    }
    return result
  }

  /// Symmetric INT8 codes times their scale, one scale per column.
  public static func int8PerChannel(_ x: Rows) -> Rows {
    var result = x
    for column in 0..<x.width {
      let (codes, scale) = codes((0..<x.count).map { Float(x[$0, column]) })
      for row in 0..<x.count {
        result[row, column] = Double(codes[row]) * Double(scale)
      }
    }
    return result
  }

  /// Codes and the scale `max |x| / 127`, all in Float32.
  public static func codes(
    _ values: [Float], form: CodeForm = .largest
  ) -> (codes: [Int], scale: Float) {
    let largest = values.reduce(Float(0)) { max($0, abs($1)) }
    guard largest > 0 else { return (values.map { _ in 0 }, 0) }
    let inverse = form == .largest ? 127 / largest : 1 / (largest / 127)
    return (
      values.map { Int(($0 * inverse).rounded(.toNearestOrEven)) }, largest / 127
    )
  }

  /// Softmax attention to scores in log2 units, with weights rounded by `rule` where given.
  public static func attend(
    _ head: ReferenceHead, rule: WeightRule?, allows: (_ query: Int, _ key: Int) -> Bool
  ) -> Rows {
    var output = Rows(count: head.query.count, width: head.value.width)
    for query in 0..<head.query.count {
      var denominator = 0.0
      var maximum = -Double.infinity
      let depth = rule?.keyBlock ?? head.key.count
      for first in stride(from: 0, to: head.key.count, by: depth) {
        let keys = (first..<min(first + depth, head.key.count)).filter { allows(query, $0) }
        let scores = keys.map { head.query.dot(query, head.key, $0) }
        let newMaximum = max(maximum, scores.max() ?? maximum)
        guard newMaximum > -.infinity else { continue }
        let factor = maximum == -.infinity ? 0 : Double.exp2(maximum - newMaximum)
        output.scale(row: query, by: factor)
        denominator *= factor
        maximum = newMaximum
        for (key, score) in zip(keys, scores) {
          let exact = Double.exp2(score - maximum)
          let levels = Double(rule?.levels ?? 1)
          let weight = rule == nil ? exact : (exact * levels).rounded(.toNearestOrEven) / levels
          denominator += rule?.quantisedDenominator == true ? weight : exact
          output.add(weight, head.value, key, to: query)
        }
      }
      if denominator > 0 { output.scale(row: query, by: 1 / denominator) }
    }
    return output
  }
}
