// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

/// A history with its runs in a folder of its own.
struct SampleHistory {
  let root: String

  var place: HistoryPlace { HistoryPlace("\(root)/history.sqlite") }

  /// Runs `body` with an empty folder that is removed afterwards.
  static func with(_ body: (SampleHistory) throws -> Void) throws {
    try Sample.withRoot { try body(SampleHistory(root: $0)) }
  }

  /// The header of night `number`, which begins on that day of January.
  static func header(_ number: Int) -> RunHeader {
    var header = Sample.header
    header.startedAt = day(number)
    return header
  }

  static func day(_ number: Int) -> String {
    "2026-01-\(number < 10 ? "0" : "")\(number)T02:00:00Z"
  }

  /// A measured record whose median is `nanoseconds`.
  static func record(
    _ caseID: String = "flash@1", _ nanoseconds: Double = 4100,
    change: (inout CaseRecord) -> Void = { _ in }
  ) throws -> CaseRecord {
    var record = try Sample.record(caseID)
    guard case .value(var timing) = record.timing else { return record }
    timing.alternatives[0].medianNanoseconds = nanoseconds
    record.timing = .value(timing)
    change(&record)
    return record
  }

  /// Writes night `number` below `runs`, with one record per entry.
  @discardableResult
  func night(
    _ number: Int, _ records: [CaseRecord], below folder: String = "runs"
  ) throws -> RunFolder {
    let run = try RunFolder(
      root: "\(root)/\(folder)", name: "night-\(number < 10 ? "0" : "")\(number)")
    let writer = try run.openForWriting(Self.header(number))
    for record in records { try writer.append(record) }
    return run
  }

  @discardableResult
  func importAll(_ folders: [RunFolder]? = nil) throws -> [ImportedRun] {
    let importer = try HistoryImporter(place)
    let found = folders ?? RunDiscovery.folders(below: "\(root)/runs")
    return try found.map { try importer.importRun($0) }
  }

  func series(_ metric: HistoryMetric = .time) throws -> [HistorySeries] {
    try History(place).series(SeriesFilter(metrics: [metric.name]))
  }

  /// All that a history tells, for comparison.
  func everything() throws -> [String] {
    let history = try History(place)
    return try history.series().map { "\($0)" } + history.outcomes().map { "\($0)" }
      + history.runs().map { "\($0)" }
  }
}
