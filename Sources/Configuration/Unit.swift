// SPDX-License-Identifier: MIT

/// A unit of measurement, simple (`MiB`) or a quotient of two (`TFLOP/s`).
///
/// A value in it is `number * 10^decimalExponent * factor` base units. Powers of ten are kept apart
/// so that `3.35 TB/s` is read as the literal `3.35e12`, rounded once.
struct Unit {
  let dimension: UnitDimension
  private let decimalExponent: Int
  private let factor: Double

  /// The unit of a plain number.
  static let one = Unit(.ratio, 0, 1)

  private init(_ dimension: UnitDimension, _ decimalExponent: Int, _ factor: Double) {
    self.dimension = dimension
    self.decimalExponent = decimalExponent
    self.factor = factor
  }

  /// `nil` if there is no such unit.
  init?(_ symbol: String) {
    let parts = symbol.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let above = Self.simple[Self.trimmed(parts[0])] else { return nil }
    guard parts.count == 2 else {
      self = above
      return
    }
    guard let below = Self.simple[Self.trimmed(parts[1])] else { return nil }
    self = Self.quotient(above, below)
  }

  private static func trimmed(_ part: Substring) -> String {
    String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }

  /// The value of `number` in base units.
  func value(of number: NumberText) -> Double? {
    Double("\(number.mantissa)e\(number.exponent + decimalExponent)").map { $0 * factor }
  }

  /// The unit of `dimension` whose symbol is nearest to `symbol`.
  static func nearest(to symbol: String, of dimension: UnitDimension) -> String? {
    let singles = simpleSymbols.filter { simple[$0]?.dimension == dimension }
    let quotients = simpleSymbols.flatMap { above in
      denominators.filter { below in
        guard let above = simple[above], let below = simple[below] else { return false }
        return quotient(above, below).dimension == dimension
      }.map { "\(above)/\($0)" }
    }
    return EditDistance.nearest(to: symbol, among: singles + quotients)
  }

  private static let denominators = ["s", "cycle", "B", "FLOP"]

  private static func quotient(_ above: Unit, _ below: Unit) -> Unit {
    let (a, b) = (above.dimension, below.dimension)
    let dimension = UnitDimension(
      operation: a.operation - b.operation, byte: a.byte - b.byte, second: a.second - b.second,
      cycle: a.cycle - b.cycle, joule: a.joule - b.joule)
    return Unit(
      dimension, above.decimalExponent - below.decimalExponent, above.factor / below.factor)
  }

  private static let simple = Dictionary(uniqueKeysWithValues: table)
  private static let simpleSymbols = table.map(\.0)

  private static let table: [(String, Unit)] =
    prefixed("FLOP", .operations, ["", "k", "M", "G", "T", "P", "E"])
    + prefixed("OP", .operations, ["", "k", "M", "G", "T", "P", "E"])
    + prefixed("B", .bytes, ["", "k", "M", "G", "T", "P"])
    + binaryBytes
    + prefixed("bit", .bytes, ["", "k", "M", "G", "T"], factor: 0.125)
    + prefixed("s", .seconds, ["", "m", "u", "\u{B5}", "n", "p"])
    + [("min", Unit(.seconds, 0, 60)), ("h", Unit(.seconds, 0, 3_600))]
    + prefixed("Hz", .hertz, ["", "k", "M", "G"])
    + prefixed("W", .watts, ["", "m", "k"])
    + prefixed("J", .joules, ["", "m", "u", "\u{B5}", "n", "p", "k"])
    + [("cycle", Unit(.cycles, 0, 1)), ("%", Unit(.ratio, -2, 1))]

  private static let binaryBytes: [(String, Unit)] = ["KiB", "MiB", "GiB", "TiB"].enumerated()
    .map { index, symbol in (symbol, Unit(.bytes, 0, Double(1 << (10 * (index + 1))))) }

  private static func prefixed(
    _ symbol: String, _ dimension: UnitDimension, _ prefixes: [String], factor: Double = 1
  ) -> [(String, Unit)] {
    let exponents = [
      "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18, "m": -3, "u": -6, "\u{B5}": -6,
      "n": -9, "p": -12,
    ]
    return prefixes.compactMap { prefix in
      exponents[prefix].map { (prefix + symbol, Unit(dimension, $0, factor)) }
    }
  }
}
