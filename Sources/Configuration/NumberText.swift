// SPDX-License-Identifier: MIT

/// A decimal number at the start of a text, and the unit after it.
struct NumberText {
  /// Sign, digits and fraction, without grouping.
  let mantissa: String
  let exponent: Int
  let isInteger: Bool
  /// What follows the number, without the blanks between them.
  let unit: String

  /// The number in the form that `Int` and `Double` read.
  var text: String { isInteger ? mantissa : "\(mantissa)e\(exponent)" }

  /// `nil` if `source` does not begin with a number.
  ///
  /// Leading zeros are refused: YAML 1.1 reads `010` as eight.
  init?(_ source: String) {
    var rest = Substring(source)
    var mantissa = ""
    if let sign = rest.first, sign == "-" || sign == "+" {
      if sign == "-" { mantissa = "-" }
      rest.removeFirst()
    }
    guard let whole = Self.takeDigits(&rest), whole == "0" || !whole.hasPrefix("0") else {
      return nil
    }
    mantissa += whole
    var hasFraction = false
    if rest.first == "." {
      rest.removeFirst()
      guard let fraction = Self.takeDigits(&rest) else { return nil }
      mantissa += "." + fraction
      hasFraction = true
    }
    let exponent = Self.takeExponent(&rest)
    self.mantissa = mantissa
    self.exponent = exponent ?? 0
    isInteger = !hasFraction && exponent == nil
    unit = String(rest.drop { $0 == " " })
    // A letter of a number must not run into a unit: `1_`, `1.2.3`.
    if let next = unit.first, "_.,+-0123456789".contains(next) { return nil }
  }

  /// Digits with single underscores between them, which are dropped.
  private static func takeDigits(_ rest: inout Substring) -> String? {
    var digits = ""
    while let next = rest.first {
      if next.isASCII, next.isNumber {
        digits.append(next)
        rest.removeFirst()
      } else if next == "_", !digits.isEmpty, let after = rest.dropFirst().first,
        after.isASCII, after.isNumber
      {
        rest.removeFirst()
      } else {
        break
      }
    }
    return digits.isEmpty ? nil : digits
  }

  /// The exponent, if `e` is followed by digits: the `E` of `5 EFLOP/s` is none.
  private static func takeExponent(_ rest: inout Substring) -> Int? {
    guard rest.first == "e" || rest.first == "E" else { return nil }
    var tail = rest.dropFirst()
    var sign = 1
    if let first = tail.first, first == "-" || first == "+" {
      sign = first == "-" ? -1 : 1
      tail.removeFirst()
    }
    guard let digits = takeDigits(&tail) else { return nil }
    rest = tail
    // Beyond this, every value is zero or infinite anyway.
    return sign * min(Int(digits) ?? 100_000, 100_000)
  }
}
