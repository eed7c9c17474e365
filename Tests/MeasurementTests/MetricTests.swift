// SPDX-License-Identifier: MIT

import Configuration
import Measurement
import Testing

struct MetricTests {
  private let known = ["a", "b", "l1_data_misses"]

  private func value(_ text: String, _ values: [String: CounterValue] = [:]) throws -> CounterValue
  {
    try Formula(text, known: known).value { values[$0] ?? .absent(reason: "not counted") }
  }

  @Test(arguments: [
    ("1 + 2 * 3", 7.0), ("(1 + 2) * 3", 9), ("8 / 4 / 2", 1), ("10 - 3 - 2", 5), ("-2 * -3", 6),
    ("2 * -(1 + 1)", -4), ("min(3, 2) + max(1, 4)", 6), ("1e9 / 1E+9", 1), ("1.5e-1 * 10", 1.5),
  ])
  func arithmeticFollowsTheUsualRules(text: String, expected: Double) throws {
    #expect(try value(text) == .real(expected))
  }

  @Test func namesTakeTheirValues() throws {
    let formula = try Formula("a / (b + a) - l1_data_misses", known: known)
    #expect(formula.names == ["a", "b", "l1_data_misses"])
    let values: [String: CounterValue] = [
      "a": .count(1), "b": .real(3), "l1_data_misses": .count(2),
    ]
    #expect(formula.value { values[$0] ?? .absent(reason: "") } == .real(-1.75))
  }

  @Test func aMissingQuantityMakesTheMetricAbsentForItsReason() throws {
    let result = try value("a / b", ["a": .count(1), "b": .absent(reason: "no PMU")])
    #expect(result.number == nil)
    #expect(result.absence == "b: no PMU")
  }

  @Test func divisionByZeroAndOverflowAreReasons() throws {
    #expect(try value("1 / 0").absence?.contains("divides by zero") == true)
    #expect(try value("1e300 * 1e300").absence?.contains("not a finite number") == true)
  }

  @Test(arguments: [
    ("", 1), ("1 +", 4), ("(1", 3), ("1 2", 3), ("a b", 3), ("* 2", 1), ("1 $ 2", 3),
    ("min(1)", 6), ("1..2", 1), ("a(1)", 2), ("a;b", 2), ("\u{0}", 1), ("1e999", 1),
  ])
  func brokenFormulasAreRefusedWithTheirPlace(text: String, position: Int) {
    do {
      _ = try Formula(text, known: known)
      Issue.record("'\(text)' was read")
    } catch {
      guard case .badFormula(_, let found, _) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(found == position)
    }
  }

  @Test func anUnknownNameGetsAProposal() {
    do {
      _ = try Formula("a / l1_data_mises", known: known)
      Issue.record("it was read")
    } catch {
      #expect("\(error)".contains("did you mean 'l1_data_misses'?"))
      #expect("\(error)".contains("character 5"))
    }
  }

  @Test func deepNestingIsRefusedBeforeItOverflows() {
    let text = String(repeating: "(", count: 100_000) + "1"
    #expect(throws: MeasurementError.self) { try Formula(text, known: known) }
    let minus = String(repeating: "-", count: 100_000) + "1"
    #expect(throws: MeasurementError.self) { try Formula(minus, known: known) }
  }

  /// Two thousand random texts from the alphabet of formulas: each is read or refused.
  @Test func randomTextsAreReadOrRefused() {
    let alphabet = Array("ab+-*/() .,e019_min$")
    var state: UInt64 = 7
    for _ in 0..<2000 {
      var text = ""
      for _ in 0..<12 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        text.append(alphabet[Int(state >> 33) % alphabet.count])
      }
      guard let formula = try? Formula(text, known: known) else { continue }
      let result = formula.value { _ in .count(2) }
      #expect((result.number == nil) != (result.absence == nil))
    }
  }

  @Test func builtInMetricsAreReadAndNamedOnce() throws {
    let metrics = try MetricCatalogue.builtIn().metrics
    #expect(metrics.count >= 10)
    #expect(Set(metrics.map(\.name)).count == metrics.count)
    for name in ["throughput", "fraction-of-peak", "arithmetic-intensity", "bytes-per-flop"] {
      #expect(metrics.contains { $0.name == name })
    }
  }

  private func file(_ entry: String) -> String {
    """
    metrics:
      - name: speed
        title: Speed [1/s]
        about: Calls in a second.
        formula: 1 / seconds
        prefers: larger
      - \(entry)
    """
  }

  @Test(arguments: [
    ("{ name: x, title: X, about: a, formula: seconds, prefers: larger }", "has no unit"),
    (
      "{ name: x, title: 'X [s]', about: a, formula: secnds, prefers: larger }",
      "did you mean 'seconds'?"
    ),
    ("{ name: x, title: 'X [s]', about: a, formula: seconds, prefers: more }", "larger"),
    ("{ name: speed, title: 'X [s]', about: a, formula: seconds, prefers: larger }", "already"),
    ("{ name: X, title: 'X [s]', about: a, formula: seconds, prefers: larger }", "lower-case"),
    ("{ name: x, title: 'X [s]', about: a, formula: seconds, prefer: larger }", "prefers"),
    ("{ name: x, title: 'X [s]', about: a, prefers: larger }", "formula"),
  ])
  func aBadMetricIsRefusedWithItsPlace(entry: String, expected: String) {
    do {
      _ = try MetricCatalogue(text: file(entry), file: "mine.yaml")
      Issue.record("it was read")
    } catch {
      #expect("\(error)".contains(expected), "\(error)")
      #expect("\(error)".contains("mine.yaml:7"), "\(error)")
    }
  }

  @Test func everyCounterHasANameForFormulas() {
    let names = MetricQuantity.formulaNames
    #expect(Set(names).count == names.count)
    for name in ["cycles", "l1_data_misses", "task_clock", "stolen_time", "exact_instructions"] {
      #expect(names.contains(name))
    }
  }
}
