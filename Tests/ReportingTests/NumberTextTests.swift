// SPDX-License-Identifier: MIT

import Foundation
import Reporting
import ResultStore
import Testing

/// Numbers are tested where they appear: in the cells of a report.
@Suite struct NumberTextTests {
  private static func headline(
    _ heading: String, _ change: (inout CaseRecord) -> Void
  ) throws -> String {
    var record = try #require(
      try RecordedRun.report().records.first { $0.mechanism.id == "neighborhood" })
    change(&record)
    let text = try Report(records: [record], header: nil).text(as: .markdown)
    let lines = text.split(separator: "\n")
    let place = try #require(lines.firstIndex { $0.hasPrefix("| # | mechanism | parameters") })
    let columns = lines[place].components(separatedBy: " | ")
    let index = try #require(columns.firstIndex { $0.hasPrefix(heading) })
    return lines[place + 2].components(separatedBy: " | ")[index]
  }

  @Test(arguments: [
    (1.0, "1.00"), (9.994, "9.99"), (9.996, "10.0"), (99.96, "100"), (12_345, "12300"),
    (0.012_34, "0.0123"), (0.000_123_4, "1.23e-04"), (1_234_567, "1.23e+06"), (0, "0"),
    (-2.345, "-2.35"),
  ])
  func aNumberHasThreeSignificantDigits(number: Double, text: String) throws {
    #expect(try Self.headline("FLOP bound") { $0.bounds.flop = .value(number) } == text)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func aNumberThatIsNotFiniteIsAbsent(number: Double) throws {
    #expect(try Self.headline("FLOP bound") { $0.bounds.flop = .value(number) } == "n/a [1]")
  }

  @Test func anIntervalHasTheDecimalsOfItsValue() throws {
    let text = try Self.headline("speed-up over flash") { record in
      let timing = record.timing.map { timing in
        var copy = timing
        copy.speedUpOverFlash = .value(
          Estimate(value: 4.8, interval: Interval(low: 4.6123, high: 5.0001)))
        return copy
      }
      record.timing = timing
    }
    #expect(text == "4.80 (4.61 ... 5.00)")
  }

  @Test(arguments: [
    (0.984_1, "0.984"), (0.999_934, "0.999934"), (1, "1.000000"), (0.5, "0.500"),
    (-0.25, "-0.250"),
  ])
  func aCosineShowsItsDistanceFromOne(cosine: Double, text: String) throws {
    let cell = try Self.headline("cosine") { record in
      record.accuracy.dense = record.accuracy.dense.map { error in
        var copy = error
        copy.cosine = cosine
        return copy
      }
    }
    #expect(cell == text)
  }

  @Test func aColumnHasOneUnit() throws {
    let report = try RecordedRun.report()
    var records = report.records.filter { $0.timing.value != nil }
    records[0].memory.workspaceBytes = .value(3 << 20)
    let text = try Report(records: records, header: nil).text(as: .markdown)
    #expect(text.contains("| workspace [KiB] |"))
    #expect(text.contains("| 3070 |"))
  }
}
