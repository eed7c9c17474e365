// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// Attention on quantised operands, straight from the definitions, sums in Double.
public struct QuantisedAttentionReference: Sendable {
  private let plan: QuantisationPlan
  private let scale: Float

  /// `scale` is the softmax scale; it is multiplied into the queries in Float32, in log2 units.
  public init(_ plan: QuantisationPlan, softmaxScale scale: Double) {
    self.plan = plan
    self.scale = Float(scale * 1.442_695_040_888_963_4)
  }

  /// The output of one head.
  public func attend(
    _ head: ReferenceHead, allows: (_ query: Int, _ key: Int) -> Bool
  ) -> Rows {
    let (keys, queries, offsets) = scoreOperands(head)
    let smooth =
      plan.smoothsValues
      ? QuantiserReference.smoothed(head.value, 0..<head.value.count)
      : (head.value, [Double](repeating: 0, count: head.value.width))
    let values = QuantiserReference.quantise(
      smooth.0, plan.value, rounding: plan.rounding, alongTokens: true)
    var numbers = values.numbers
    for row in 0..<numbers.count { numbers.scale(row: row, by: values.rowScales[row]) }
    var output = Rows(count: head.query.count, width: head.value.width)
    for query in 0..<head.query.count {
      let sums = weigh(query, keys: head.key.count, numbers) { key in
        guard allows(query, key) else { return nil }
        let offset = plan.smoothedQueries.map { offsets[query / $0][key] } ?? 0
        return queries.dot(query, keys, key) + offset
      }
      guard sums.denominator > 0 else { continue }
      for channel in 0..<output.width {
        output[query, channel] =
          sums.output[channel] / sums.denominator * values.columnScales[channel]
          + smooth.1[channel]
      }
    }
    return output
  }

  /// Keys and queries as products see them, and what every group of queries adds to its scores.
  private func scoreOperands(_ head: ReferenceHead) -> (keys: Rows, queries: Rows, [[Double]]) {
    var keys = head.key
    if plan.smoothsKeys { keys = QuantiserReference.smoothed(keys, 0..<keys.count).rows }
    var queries = head.query.map { Double(Float($0) * scale) }
    if let rotation = plan.rotation {
      keys = QuantiserReference.rotated(keys, rotation)
      queries = QuantiserReference.rotated(queries, rotation)
    }
    var offsets: [[Double]] = []
    if let group = plan.smoothedQueries {
      for first in stride(from: 0, to: queries.count, by: group) {
        let (rows, mean) = QuantiserReference.smoothed(
          queries, first..<min(first + group, queries.count))
        queries = rows
        offsets.append(
          (0..<keys.count).map { key in zip(mean, keys[key]).reduce(0) { $0 + $1.0 * $1.1 } })
      }
    }
    let rounding = plan.rounding
    return (
      QuantiserReference.quantise(keys, plan.key, rounding: rounding).values,
      QuantiserReference.quantise(queries, plan.query, rounding: rounding, isQuery: true).values,
      offsets
    )
  }

  /// Sums of one query over blocks of keys with a running maximum.
  private func weigh(
    _ query: Int, keys: Int, _ values: Rows, score: (Int) -> Double?
  ) -> (output: [Double], denominator: Double) {
    var output = [Double](repeating: 0, count: values.width)
    var denominator = 0.0
    var maximum = -Double.infinity
    for first in stride(from: 0, to: keys, by: plan.keyBlock) {
      let block = first..<min(first + plan.keyBlock, keys)
      let scores = block.map { score($0) }
      let raised = max(maximum, scores.compactMap { $0 }.max() ?? maximum)
      guard raised > -.infinity else { continue }
      let factor = maximum == -.infinity ? 0 : Double.exp2(maximum - raised)
      maximum = raised
      let exact = scores.map { score in
        score.map { Double.exp2($0 - raised) * Double(plan.weights.scale) } ?? 0
      }
      let rounded = rounded(exact)
      denominator =
        denominator * factor + (plan.quantisedDenominator ? rounded : exact).reduce(0, +)
      for channel in output.indices {
        let terms = zip(rounded, block).map { $0 * values[$1, channel] }
        output[channel] = summed(terms, onto: output[channel] * factor)
      }
    }
    return (output, denominator)
  }

  /// Weights of one block as they meet the values.
  private func rounded(_ weights: [Double]) -> [Double] {
    switch plan.weights.format {
    case .number(.float32): return weights
    case .number(let format) where format.isInteger:
      return weights.map { $0.rounded(.toNearestOrEven) }
    case .number(let format):
      let reference = Self.references[format] ?? NumberReference(format)
      return weights.map { reference.nearest($0) }
    case .micro(let micro):
      var result = weights
      for first in stride(from: 0, to: weights.count, by: micro.length) {
        let block = first..<min(first + micro.length, weights.count)
        let largest = weights[block].max() ?? 0
        let scale = QuantiserReference.blockScale(micro, largest)
        let divisor = micro == .nvfp4 ? largest / 6 : scale
        for index in block {
          result[index] =
            divisor > 0 ? QuantiserReference.e2m1.nearest(weights[index] / divisor) * scale : 0
        }
      }
      return result
    }
  }

  private static let references: [NumberFormat: NumberReference] = Dictionary(
    uniqueKeysWithValues: [.bfloat16, .float16, .e4m3, .e5m2].map { ($0, NumberReference($0)) })

  /// `start` and the terms of a block in an accumulator of limited width.
  private func summed(_ terms: [Double], onto start: Double) -> Double {
    let rule = plan.sums
    guard rule.kind != .float32 else { return start + terms.reduce(0, +) }
    var sum = rule.twoLevel ? 0 : kept(start)
    for first in stride(from: 0, to: terms.count, by: rule.depth) {
      sum = kept(sum + terms[first..<min(first + rule.depth, terms.count)].reduce(0, +))
    }
    return rule.twoLevel ? start + sum : sum
  }

  private func kept(_ x: Double) -> Double {
    switch plan.sums.kind {
    case .float32: return x
    case .float16: return Self.references[.float16]?.nearest(x) ?? x
    case .fp22:
      guard x != 0 else { return 0 }
      let step = Double.exp2(Double(x.exponent) - 13)
      return (x / step).rounded(.towardZero) * step
    }
  }
}
