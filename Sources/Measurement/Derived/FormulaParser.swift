// SPDX-License-Identifier: MIT

import Configuration

/// Reads a formula by recursive descent: sums of products of numbers, names and parentheses.
struct FormulaParser {
  private(set) var names: [String] = []
  private let text: String
  private let letters: [Character]
  private let known: [String]
  private var position = 0
  private var depth = 0

  /// Deeper nesting than a person writes; it bounds the recursion.
  private static let maximumDepth = 32

  init(text: String, known: [String]) {
    self.text = text
    letters = Array(text)
    self.known = known
  }

  mutating func parse() throws(MeasurementError) -> Formula.Node {
    let node = try sum()
    skipSpaces()
    guard position == letters.count else { throw unexpected() }
    return node
  }

  private mutating func sum() throws(MeasurementError) -> Formula.Node {
    var node = try product()
    while let sign = take(anyOf: "+-") {
      node = .binary(sign == "+" ? .add : .subtract, node, try product())
    }
    return node
  }

  private mutating func product() throws(MeasurementError) -> Formula.Node {
    var node = try factor()
    while let sign = take(anyOf: "*/") {
      node = .binary(sign == "*" ? .multiply : .divide, node, try factor())
    }
    return node
  }

  private mutating func factor() throws(MeasurementError) -> Formula.Node {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else {
      throw failure(.tooDeep(limit: Self.maximumDepth))
    }
    if take(anyOf: "-") != nil { return .negated(try factor()) }
    if take(anyOf: "(") != nil {
      let inner = try sum()
      try expect(")")
      return inner
    }
    skipSpaces()
    guard position < letters.count else { throw failure(.ended) }
    if Self.isDigit(letters[position]) { return .number(try number()) }
    guard Self.isNameStart(letters[position]) else { throw unexpected() }
    return try nameOrFunction()
  }

  private mutating func nameOrFunction() throws(MeasurementError) -> Formula.Node {
    let begin = position
    while position < letters.count, Self.isNamePart(letters[position]) { position += 1 }
    let name = String(letters[begin..<position])
    if let operation = Self.functions[name], take(anyOf: "(") != nil {
      let first = try sum()
      try expect(",")
      let second = try sum()
      try expect(")")
      return .binary(operation, first, second)
    }
    guard known.contains(name) else {
      throw failure(
        .unknownName(name, nearest: EditDistance.nearest(to: name, among: known)), at: begin)
    }
    if !names.contains(name) { names.append(name) }
    return .name(name)
  }

  private static let functions: [String: Formula.Operation] = [
    "min": .minimum, "max": .maximum,
  ]

  private mutating func number() throws(MeasurementError) -> Double {
    let begin = position
    func isExponentSign(_ index: Int) -> Bool {
      index > begin && "+-".contains(letters[index]) && "eE".contains(letters[index - 1])
    }
    while position < letters.count,
      Self.isDigit(letters[position]) || ".eE".contains(letters[position])
        || isExponentSign(position)
    {
      position += 1
    }
    let digits = String(letters[begin..<position])
    guard let value = Double(digits), value.isFinite else {
      throw failure(.unexpected(digits), at: begin)
    }
    return value
  }

  private mutating func take(anyOf signs: String) -> Character? {
    skipSpaces()
    guard position < letters.count, signs.contains(letters[position]) else { return nil }
    defer { position += 1 }
    return letters[position]
  }

  private mutating func expect(_ sign: String) throws(MeasurementError) {
    guard take(anyOf: sign) != nil else { throw unexpected() }
  }

  private mutating func skipSpaces() {
    while position < letters.count, letters[position] == " " { position += 1 }
  }

  private func unexpected() -> MeasurementError {
    guard position < letters.count else { return failure(.ended) }
    return failure(.unexpected(String(letters[position])))
  }

  private func failure(_ problem: FormulaProblem, at place: Int? = nil) -> MeasurementError {
    .badFormula(text, position: (place ?? position) + 1, problem: problem)
  }

  private static func isDigit(_ letter: Character) -> Bool { ("0"..."9").contains(letter) }

  private static func isNameStart(_ letter: Character) -> Bool {
    ("a"..."z").contains(letter) || ("A"..."Z").contains(letter)
  }

  private static func isNamePart(_ letter: Character) -> Bool {
    isNameStart(letter) || isDigit(letter) || letter == "_"
  }
}
