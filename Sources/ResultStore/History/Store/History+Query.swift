// SPDX-License-Identifier: MIT

import GRDB

/// Which series to read; nil and empty leave everything in.
public struct SeriesFilter: Hashable, Sendable {
  public var caseID: String?
  /// Names of metrics.
  public var metrics: [String] = []
  public var machine: String?
  public var threads: Int?

  public init(
    caseID: String? = nil, metrics: [String] = [], machine: String? = nil, threads: Int? = nil
  ) {
    self.caseID = caseID
    self.metrics = metrics
    self.machine = machine
    self.threads = threads
  }
}

extension History {
  /// Every case id, in alphabetical order.
  public func caseIDs() throws(ResultStoreError) -> [String] {
    try strings("SELECT DISTINCT caseID FROM outcome")
  }

  /// The names of all metrics that have values, in alphabetical order.
  public func metricNames() throws(ResultStoreError) -> [String] {
    try strings("SELECT DISTINCT metric FROM series WHERE id IN (SELECT seriesID FROM point)")
  }

  /// Every run, oldest first.
  public func runs() throws(ResultStoreError) -> [HistoryRun] {
    try rows("SELECT key, name, suite, startedAt FROM run", [], Self.run).sorted()
  }

  /// How every case of every run ended: by run, then by case.
  public func outcomes() throws(ResultStoreError) -> [HistoryOutcome] {
    try rows(
      """
      SELECT key, name, suite, startedAt, caseID, state, reason
      FROM outcome JOIN run ON run.id = runID
      """, []
    ) { row in
      try HistoryOutcome(
        run: Self.run(row), caseID: row.decode(forColumn: "caseID"),
        state: row.decode(forColumn: "state"), reason: row.decode(forColumn: "reason"))
    }.sorted { ($0.run, $0.caseID) < ($1.run, $1.caseID) }
  }

  /// The series that `filter` leaves, in the order of case, metric, machine, threads, toolchain; the
  /// points of each by time.
  public func series(_ filter: SeriesFilter = SeriesFilter()) throws(ResultStoreError)
    -> [HistorySeries]
  {
    let (condition, arguments) = Self.condition(filter)
    let found = try rows(
      """
      SELECT series.id AS seriesID, series.caseID, metric, unit, threads, compiler, kernels,
        machine.fingerprint, cpu, slug, cores
      FROM series JOIN machine ON machine.fingerprint = series.machine \(condition)
      """, arguments
    ) { row in
      (
        id: try row.decode(Int64.self, forColumn: "seriesID"), key: try Self.key(row),
        machine: try Self.machine(row)
      )
    }
    var series: [HistorySeries] = []
    for (id, key, machine) in found.sorted(by: { $0.key < $1.key }) {
      let points = try points(ofSeries: id)
      guard !points.isEmpty else { continue }
      series.append(HistorySeries(key: key, machine: machine, points: points))
    }
    return series
  }

  private func points(ofSeries id: Int64) throws(ResultStoreError) -> [HistoryPoint] {
    try rows(
      """
      SELECT key, name, suite, startedAt, sourceCommit, value, low, high, samples, disturbed
      FROM point JOIN outcome ON outcome.id = outcomeID JOIN run ON run.id = runID
      WHERE seriesID = ?
      """, [id]
    ) { row in
      let low = try row.decode(Double?.self, forColumn: "low")
      let high = try row.decode(Double?.self, forColumn: "high")
      return try HistoryPoint(
        run: Self.run(row), commit: row.decode(forColumn: "sourceCommit"),
        value: row.decode(forColumn: "value"),
        interval: low.flatMap { low in high.map { Interval(low: low, high: $0) } },
        samples: row.decode(forColumn: "samples"), disturbed: row.decode(forColumn: "disturbed"))
    }.sorted { $0.run < $1.run }
  }

  private static func condition(_ filter: SeriesFilter) -> (String, StatementArguments) {
    var terms: [String] = []
    var arguments: StatementArguments = []
    if let caseID = filter.caseID {
      terms.append("series.caseID = ?")
      arguments += [caseID]
    }
    if let machine = filter.machine {
      terms.append("(series.machine = ? OR slug = ?)")
      arguments += [machine, machine]
    }
    if let threads = filter.threads {
      terms.append("threads = ?")
      arguments += [threads]
    }
    if !filter.metrics.isEmpty {
      terms.append("metric IN (\(filter.metrics.map { _ in "?" }.joined(separator: ", ")))")
      arguments += StatementArguments(filter.metrics)
    }
    return (terms.isEmpty ? "" : "WHERE " + terms.joined(separator: " AND "), arguments)
  }

  private static func key(_ row: Row) throws -> SeriesKey {
    try SeriesKey(
      caseID: row.decode(forColumn: "caseID"),
      metric: HistoryMetric(
        name: row.decode(forColumn: "metric"), unit: row.decode(forColumn: "unit")),
      machine: row.decode(forColumn: "fingerprint"), threads: row.decode(forColumn: "threads"),
      toolchain: Toolchain(
        compiler: row.decode(forColumn: "compiler"), kernels: row.decode(forColumn: "kernels")))
  }

  private static func machine(_ row: Row) throws -> MachineRecord {
    try MachineRecord(
      cpu: row.decode(forColumn: "cpu"), fingerprint: row.decode(forColumn: "fingerprint"),
      slug: row.decode(forColumn: "slug"), cores: row.decode(forColumn: "cores"))
  }

  private static func run(_ row: Row) throws -> HistoryRun {
    try HistoryRun(
      key: row.decode(forColumn: "key"), name: row.decode(forColumn: "name"),
      suite: row.decode(forColumn: "suite"), startedAt: row.decode(forColumn: "startedAt"))
  }

  private func strings(_ query: String) throws(ResultStoreError) -> [String] {
    // Sorted here: SQLite and Swift may order characters differently.
    try rows(query, []) { row in try row.decode(String.self, atIndex: 0) }.sorted()
  }

  private func rows<Value>(
    _ query: String, _ arguments: StatementArguments, _ value: (Row) throws -> Value
  ) throws(ResultStoreError) -> [Value] {
    try Self.access(place.database) {
      try queue.read { db in
        var values: [Value] = []
        let cursor = try Row.fetchCursor(db, sql: query, arguments: arguments)
        while let row = try cursor.next() { values.append(try value(row)) }
        return values
      }
    }
  }
}

extension SeriesKey: Comparable {
  /// By case, metric, machine, threads and toolchain.
  public static func < (first: SeriesKey, second: SeriesKey) -> Bool {
    let texts = [
      (first.caseID, second.caseID), (first.metric.name, second.metric.name),
      (first.metric.unit, second.metric.unit), (first.machine, second.machine),
    ]
    for (one, other) in texts where one != other { return one < other }
    if first.threads != second.threads { return first.threads < second.threads }
    return (first.toolchain.compiler, first.toolchain.kernels)
      < (second.toolchain.compiler, second.toolchain.kernels)
  }
}
