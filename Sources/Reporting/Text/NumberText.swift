// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

/// Numbers as they stand in a report: three significant digits.
enum NumberText {
  /// `4.83`, `0.0123`, `1230`; below 0.001 and from a million on `1.23e-05`.
  static func significant(_ number: Double) -> String {
    guard number != 0 else { return "0" }
    let exponent = decimalExponent(number)
    guard (-3..<6).contains(exponent) else { return String(format: "%.2e", number) }
    return fixed(number, decimals: 2 - exponent)
  }

  /// `3.273`: one digit more than the tables that it is compared with.
  static func fourDigits(_ number: Double) -> String { String(format: "%.4g", number) }

  /// An error such as `1.23e-05`, always with an exponent so that a column compares at a glance.
  static func scientific(_ number: Double) -> String {
    number == 0 ? "0" : String(format: "%.2e", number)
  }

  /// A share of 1 as `87.1 %`.
  static func percent(_ share: Double) -> String { "\(significant(share * 100)) %" }

  /// `4.83 (4.61 ... 5.02)`, the bounds with the decimals of the value.
  static func estimate(_ estimate: Estimate) -> String {
    let decimals = 2 - decimalExponent(estimate.value)
    let low = fixed(estimate.interval.low, decimals: decimals)
    let high = fixed(estimate.interval.high, decimals: decimals)
    return "\(fixed(estimate.value, decimals: decimals)) (\(low) ... \(high))"
  }

  /// A cosine with two digits of its distance from 1, such as `0.984` or `0.999934`.
  static func cosine(_ cosine: Double) -> String {
    let distance = abs(1 - cosine)
    guard distance > 1e-9 else { return "1.000000" }
    let decimals = min(max(1 - decimalExponent(distance), 3), 10)
    return String(format: "%.\(decimals)f", cosine)
  }

  /// A count with its digits in groups of three, such as `1,234,567`.
  static func count(_ count: Int) -> String {
    var text = ""
    for (index, digit) in String(count.magnitude).reversed().enumerated() {
      if index > 0, index.isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return (count < 0 ? "-" : "") + String(text.reversed())
  }

  /// Counts as `1,024, 4,096 and 8,192`.
  static func list(_ counts: [Int]) -> String {
    let texts = counts.map(count)
    guard let last = texts.last, texts.count > 1 else { return texts.first ?? "" }
    return texts.dropLast().joined(separator: ", ") + " and " + last
  }

  /// A whole number with all its digits, any other with three.
  static func exact(_ number: Double) -> String {
    Int(exactly: number).map(count) ?? significant(number)
  }

  /// `number` rounded to `decimals` places; negative places round to tens, hundreds and so on.
  private static func fixed(_ number: Double, decimals: Int) -> String {
    guard decimals < 0 else { return String(format: "%.\(min(decimals, 12))f", number) }
    let unit = pow(10, Double(-decimals))
    return String(format: "%.0f", (number / unit).rounded() * unit)
  }

  /// The exponent of `number` once it is rounded to three significant digits.
  private static func decimalExponent(_ number: Double) -> Int {
    let text = String(format: "%.2e", number)
    guard let mark = text.lastIndex(of: "e") else { return 0 }
    return Int(text[text.index(after: mark)...]) ?? 0
  }
}

/// One unit for a whole column, chosen so that the middle value has one to three digits.
struct ColumnUnit {
  let name: String
  let factor: Double

  static func duration(nanoseconds: [Double]) -> ColumnUnit {
    choose(for: nanoseconds, from: [("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9)])
  }

  static func bytes(_ bytes: [Double]) -> ColumnUnit {
    choose(
      for: bytes,
      from: [("B", 1), ("KiB", 0x1p10), ("MiB", 0x1p20), ("GiB", 0x1p30), ("TiB", 0x1p40)])
  }

  private static func choose(
    for values: [Double], from units: [(name: String, factor: Double)]
  ) -> ColumnUnit {
    let sorted = values.filter { $0.isFinite && $0 > 0 }.sorted()
    let middle = sorted.isEmpty ? 1 : sorted[sorted.count / 2]
    let unit = units.last { $0.factor <= middle } ?? units[0]
    return ColumnUnit(name: unit.name, factor: unit.factor)
  }
}
