// SPDX-License-Identifier: MIT

extension ConfigurationNode {
  /// The text of a value as it is written, in quotes or not: `no` and `1.10` stay what they are.
  public func string() throws(ConfigurationFailure) -> String {
    guard case .value(let text, _) = content, kind == .value else {
      throw failure(.wrongKind(expected: .value, found: kind))
    }
    return text
  }

  /// An integer of `allowed`; digits may be grouped as in `1_000_000`.
  public func integer(
    in allowed: ClosedRange<Int> = Int.min...Int.max
  ) throws(ConfigurationFailure) -> Int {
    let text = try plainText(expected: "an integer")
    guard let digits = NumberText(text), digits.unit.isEmpty, digits.isInteger else {
      throw failure(.notAnInteger(text))
    }
    guard let value = Int(digits.text), allowed.contains(value) else {
      throw failure(.integerOutOfRange(text, allowed: allowed))
    }
    return value
  }

  /// A finite number of `allowed`, without a unit.
  public func number(
    in allowed: ClosedRange<Double> = -Double.infinity...Double.infinity
  ) throws(ConfigurationFailure) -> Double {
    let text = try plainText(expected: "a number")
    guard let number = NumberText(text), let value = Double(number.text) else {
      throw failure(.notANumber(text))
    }
    guard number.unit.isEmpty else {
      throw failure(.unexpectedUnit(text, unit: number.unit))
    }
    return try checked(value, text, in: allowed, unit: "")
  }

  /// A finite number with a unit of `dimension`, such as `990 TFLOP/s`, in base units.
  ///
  /// Base units are FLOP, byte, second, cycle and joule, also for `allowed`. A ratio may be written
  /// as `0.3` or `30 %`.
  public func quantity(
    _ dimension: UnitDimension,
    in allowed: ClosedRange<Double> = -Double.infinity...Double.infinity
  ) throws(ConfigurationFailure) -> Double {
    let text = try plainText(expected: "a number with its unit")
    guard let number = NumberText(text) else { throw failure(.notANumber(text)) }
    guard !number.unit.isEmpty || dimension == .ratio else {
      throw failure(.missingUnit(text, dimension: dimension))
    }
    guard let unit = number.unit.isEmpty ? .one : Unit(number.unit) else {
      throw failure(.unknownUnit(number.unit, dimension: dimension))
    }
    guard unit.dimension == dimension else {
      throw failure(.wrongDimension(text, expected: dimension, found: unit.dimension))
    }
    guard let value = unit.value(of: number) else { throw failure(.notANumber(text)) }
    return try checked(value, text, in: allowed, unit: dimension.baseUnit)
  }

  /// A whole number of bytes of `allowed`, such as `50 MiB`.
  public func byteCount(
    in allowed: ClosedRange<Int> = 0...Int.max
  ) throws(ConfigurationFailure) -> Int {
    let value = try quantity(.bytes)
    let text = try string()
    guard let bytes = Int(exactly: value) else { throw failure(.notWholeBytes(text)) }
    guard allowed.contains(bytes) else {
      throw failure(.integerOutOfRange(text, allowed: allowed))
    }
    return bytes
  }

  /// `true` or `false`; YAML's other spellings are refused.
  public func boolean() throws(ConfigurationFailure) -> Bool {
    switch try plainText(expected: "true or false") {
    case "true": true
    case "false": false
    case let text: throw failure(.notABoolean(text))
    }
  }

  /// Positive extents such as `30x48x80`, or one such as `4096`; `rank` bounds their number.
  public func extents(
    rank allowed: ClosedRange<Int> = 1...8
  ) throws(ConfigurationFailure) -> [Int] {
    let text = try plainText(expected: "extents")
    let parts = text.split(separator: "x", omittingEmptySubsequences: false)
    var extents: [Int] = []
    for part in parts {
      guard let number = NumberText(String(part)), number.unit.isEmpty, number.isInteger,
        let extent = Int(number.text), extent > 0
      else {
        throw failure(.notExtents(text))
      }
      extents.append(extent)
    }
    guard allowed.contains(extents.count) else {
      throw failure(.wrongCount(extents.count, allowed: allowed))
    }
    return extents
  }

  /// One of `choices`.
  public func choice(among choices: [String]) throws(ConfigurationFailure) -> String {
    let text = try string()
    guard choices.contains(text) else {
      throw failure(.unknownChoice(text, choices: choices))
    }
    return text
  }

  /// The case of an enumeration whose raw value is written.
  public func choice<Choice: CaseIterable & RawRepresentable>(
    of type: Choice.Type
  ) throws(ConfigurationFailure) -> Choice where Choice.RawValue == String {
    let text = try string()
    guard let choice = Choice(rawValue: text) else {
      throw failure(.unknownChoice(text, choices: type.allCases.map(\.rawValue)))
    }
    return choice
  }

  /// The text of a value that must not stand in quotes.
  private func plainText(expected: String) throws(ConfigurationFailure) -> String {
    let text = try string()
    guard case .value(_, isPlain: true) = content else {
      throw failure(.quoted(text, expected: expected))
    }
    return text
  }

  private func checked(
    _ value: Double, _ text: String, in allowed: ClosedRange<Double>, unit: String
  ) throws(ConfigurationFailure) -> Double {
    guard value.isFinite, allowed.contains(value) else {
      throw failure(.numberOutOfRange(text, allowed: allowed, unit: unit))
    }
    return value
  }
}
