// SPDX-License-Identifier: MIT

import Comparison
import ResultStore

/// A history, or a part of it, for programs.
public struct HistoryDocument: Encodable {
  let schema = CaseRecord.currentSchema
  let kind = "history"
  let runs: [Run]?
  let series: [Series]
  let annotations: [HistoryAnnotation]
  let outcomes: [Outcome]?

  struct Run: Encodable {
    let name: String
    let suite: String
    let startedAt: String

    init(_ run: HistoryRun) {
      name = run.name
      suite = run.suite
      startedAt = run.startedAt
    }
  }

  struct Outcome: Encodable {
    let run: String
    let startedAt: String
    let caseID: String
    let state: String
    let reason: String?

    init(_ outcome: HistoryOutcome) {
      run = outcome.run.name
      startedAt = outcome.run.startedAt
      caseID = outcome.caseID
      state = outcome.state
      reason = outcome.reason
    }
  }

  struct Point: Encodable {
    let run: String
    let startedAt: String
    let commit: String
    let value: Double
    let interval: Interval?
    let samples: Int?
    let disturbed: Int?

    init(_ point: HistoryPoint) {
      run = point.run.name
      startedAt = point.run.startedAt
      commit = point.commit
      value = point.value
      interval = point.interval
      samples = point.samples
      disturbed = point.disturbed
    }
  }

  struct Series: Encodable {
    let caseID: String
    let metric: String
    let unit: String
    let machine: MachineRecord
    let threads: Int
    let compiler: String
    let kernels: String
    let points: [Point]
    let changes: [ChangeDocument]?

    init(_ series: HistorySeries, changes: [HistoryChange]?) {
      caseID = series.key.caseID
      metric = series.key.metric.name
      unit = series.key.metric.unit
      machine = series.machine
      threads = series.key.threads
      compiler = series.key.toolchain.compiler
      kernels = series.key.toolchain.kernels
      points = series.points.map(Point.init)
      self.changes = changes?.map(ChangeDocument.init)
    }
  }

  /// Everything: what `history export` writes.
  public init(
    runs: [HistoryRun], series: [HistorySeries], annotations: [HistoryAnnotation],
    outcomes: [HistoryOutcome]
  ) {
    self.runs = runs.map(Run.init)
    self.series = series.map { Series($0, changes: nil) }
    self.annotations = annotations
    self.outcomes = outcomes.map(Outcome.init)
  }

  /// Some series with their changes: what `history show` prints.
  public init(
    series: [(series: HistorySeries, changes: [HistoryChange])], annotations: [HistoryAnnotation]
  ) {
    runs = nil
    self.series = series.map { Series($0.series, changes: $0.changes) }
    self.annotations = annotations
    outcomes = nil
  }

  /// - Throws: ``ReportingError/notEncodable(cause:)``.
  public func text() throws(ReportingError) -> String {
    do {
      let data = try RecordCoding.encoder(pretty: true).encode(self)
      return String(decoding: data, as: UTF8.self) + "\n"
    } catch {
      throw .notEncodable(cause: String(describing: error))
    }
  }
}

/// The changes of many series for programs.
public struct ChangeListDocument: Encodable {
  let schema = CaseRecord.currentSchema
  let kind = "history-changes"
  let seriesSearched: Int
  let changes: [ChangeDocument]

  public init(changes: [HistoryChange], seriesSearched: Int) {
    self.changes = changes.map(ChangeDocument.init)
    self.seriesSearched = seriesSearched
  }

  /// - Throws: ``ReportingError/notEncodable(cause:)``.
  public func text() throws(ReportingError) -> String {
    do {
      let data = try RecordCoding.encoder(pretty: true).encode(self)
      return String(decoding: data, as: UTF8.self) + "\n"
    } catch {
      throw .notEncodable(cause: String(describing: error))
    }
  }
}

/// One change for programs.
struct ChangeDocument: Encodable {
  let caseID: String
  let metric: String
  let unit: String
  let machine: String
  let threads: Int
  let compiler: String
  let kernels: String
  let lastRun: String
  let lastCommit: String
  let firstRun: String
  let firstCommit: String
  let startedAt: String
  let before: Double
  let after: Double
  let ratio: Double?
  let pValue: Double?
  let effect: String
  let explanation: HistoryAnnotation?

  init(_ change: HistoryChange) {
    caseID = change.key.caseID
    metric = change.key.metric.name
    unit = change.key.metric.unit
    machine = change.key.machine
    threads = change.key.threads
    compiler = change.key.toolchain.compiler
    kernels = change.key.toolchain.kernels
    lastRun = change.last.run.name
    lastCommit = change.last.commit
    firstRun = change.first.run.name
    firstCommit = change.first.commit
    startedAt = change.first.run.startedAt
    before = change.before
    after = change.after
    ratio = change.ratio
    pValue = change.pValue
    effect = change.effect.rawValue
    explanation = change.explanation
  }
}
