// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// Quantisers of whole tensors from their definitions: scales and products as Float32 has them,
/// everything else in Double.
public enum QuantiserReference {
  /// Numbers of a tensor with the scale of every row and of every column.
  public struct Quantised: Sendable {
    public var numbers: Rows
    public var rowScales: [Double]
    public var columnScales: [Double]

    /// Numbers times their scales.
    public var values: Rows {
      var result = numbers
      for row in 0..<numbers.count {
        for column in 0..<numbers.width {
          result[row, column] *= rowScales[row] * columnScales[column]
        }
      }
      return result
    }
  }

  /// Groups whose largest magnitude is below this are zero.
  private static let smallest = Double.exp2(-100)

  /// `x` rounded by `rule`; `isQuery` tells which threads share a scale.
  public static func quantise(
    _ x: Rows, _ rule: OperandRule, rounding: RoundingRule, isQuery: Bool = false,
    alongTokens: Bool = false
  ) -> Quantised {
    var result = Quantised(
      numbers: x, rowScales: [Double](repeating: 1, count: x.count),
      columnScales: [Double](repeating: 1, count: x.width))
    switch rule.format {
    case .micro(let micro):
      roundBlocks(&result.numbers, micro, rounding, alongTokens: alongTokens)
    case .number(let format) where !format.isScaled:
      let reference = NumberReference(format)
      result.numbers = x.map { reference.nearest($0, rounding) }
    case .number(let format):
      let reference = NumberReference(format)
      let range = Double(rule.range ?? format.largest)
      let columns = rule.group == .channel
      for members in groups(x, rule, isQuery: isQuery) {
        let largest = members.map { abs(x.values[$0]) }.max() ?? 0
        let isZero = largest < smallest
        let factor = isZero ? 0 : Double(Float(range / largest))
        for index in members {
          let product = Double(Float(x.values[index] * factor))
          result.numbers.values[index] = reference.nearest(product, rounding)
          let scale = isZero ? 0 : Double(Float(largest / range))
          if columns {
            result.columnScales[index % x.width] = scale
          } else {
            result.rowScales[index / x.width] = scale
          }
        }
      }
    }
    return result
  }

  /// Places of the elements that share a scale.
  private static func groups(_ x: Rows, _ rule: OperandRule, isQuery: Bool) -> [[Int]] {
    var groups: [Int: [Int]] = [:]
    for row in 0..<x.count {
      for column in 0..<x.width {
        let group: Int
        switch rule.group {
        case .tensor: group = 0
        case .channel: group = column
        case .token: group = row
        case .block: group = row / rule.block
        case .thread:
          let (tile, place) = row.quotientAndRemainder(dividingBy: isQuery ? 32 : 64)
          group = isQuery ? tile * 8 + place % 8 : tile * 4 + place % 8 / 2
        }
        groups[group, default: []].append(row * x.width + column)
      }
    }
    return Array(groups.values)
  }

  private static func roundBlocks(
    _ x: inout Rows, _ micro: MicroFormat, _ rounding: RoundingRule, alongTokens: Bool
  ) {
    let (lines, length) = alongTokens ? (x.width, x.count) : (x.count, x.width)
    for line in 0..<lines {
      for first in stride(from: 0, to: length, by: micro.length) {
        let places = (first..<min(first + micro.length, length)).map {
          alongTokens ? $0 * x.width + line : line * x.width + $0
        }
        let largest = places.map { abs(x.values[$0]) }.max() ?? 0
        let scale = blockScale(micro, largest)
        for place in places {
          x.values[place] =
            scale > 0 ? e2m1.nearest(Double(Float(x.values[place] / scale)), rounding) * scale : 0
        }
      }
    }
  }

  static let e2m1 = NumberReference(.e2m1)
  static let e4m3 = NumberReference(.e4m3)

  /// The scale of a block of 4-bit numbers.
  static func blockScale(_ micro: MicroFormat, _ largest: Double) -> Double {
    guard largest >= smallest else { return 0 }
    switch micro {
    case .nvfp4: return e4m3.nearest(Double(Float(largest / 6)))
    case .mxfp4: return Double.exp2(Double(largest.exponent) - 2)
    }
  }

  /// Minimum-maximum codes `(x - lo) / s` in `0 ... 2^bits - 1`.
  public static func asymmetric(
    _ x: [Float], bits: Int, rounding: RoundingRule
  ) -> (codes: [Double], scale: Double, low: Double) {
    let low = Double(x.min() ?? 0)
    let high = Double(x.max() ?? 0)
    let levels = Double(1 << bits) - 1
    let scale = Double(Float(Double(Float(high - low)) / levels))
    guard scale >= smallest else { return (x.map { _ in 0 }, 0, low) }
    let codes = x.map { element in
      let exact = Double(Float(Double(Float(Double(element) - low)) / scale))
      return min(
        exact.rounded(rounding == .even ? .toNearestOrEven : .toNearestOrAwayFromZero), levels)
    }
    return (codes, scale, low)
  }

  /// `x` less the mean of `rows`, which is rounded to Float32 once, as each difference is.
  public static func smoothed(_ x: Rows, _ rows: Range<Int>) -> (rows: Rows, mean: [Double]) {
    var result = x
    let mean = (0..<x.width).map { column in
      Double(Float(rows.reduce(0.0) { $0 + x[$1, column] } / Double(rows.count)))
    }
    for row in rows {
      for column in 0..<x.width {
        result[row, column] = Double(Float(x[row, column] - mean[column]))
      }
    }
    return (result, mean)
  }

  /// Signs and a Hadamard matrix in blocks, in Float32: later rounding sees the last bit.
  public static func rotated(_ x: Rows, _ rotation: Rotation) -> Rows {
    let signs = rotation.signs(x.width)
    let block = Rotation.block(x.width)
    let unit = 1 / Float(block).squareRoot()
    var result = x
    for row in 0..<x.count {
      var line = zip(x[row], signs).map { Float($0) * $1 }
      var half = 1
      while half < block {
        let old = line
        for index in old.indices {
          let partner = index ^ half
          line[index] =
            index < partner ? old[index] + old[partner] : old[partner] - old[index]
        }
        half *= 2
      }
      result[row] = line.map { Double($0 * unit) }[...]
    }
    return result
  }
}
