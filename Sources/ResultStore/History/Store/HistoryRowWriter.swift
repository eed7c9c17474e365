// SPDX-License-Identifier: MIT

import Foundation
import GRDB

/// Writes the rows of one run, inside one transaction.
struct HistoryRowWriter {
  private let db: Database
  private var seriesIDs: [SeriesKey: Int64] = [:]

  init(_ db: Database) {
    self.db = db
  }

  /// The row of the run with this header; of the names of its copies it keeps the first.
  func run(_ header: RunHeader, name: String) throws -> Int64 {
    let data = try RecordCoding.encoder(pretty: false).encode(header)
    let key = TextFingerprint(String(decoding: data, as: UTF8.self)).description
    try db.execute(
      sql: """
        INSERT INTO run (key, name, suite, startedAt) VALUES (?, ?, ?, ?)
        ON CONFLICT (key) DO UPDATE SET name = min(name, excluded.name)
        """,
      arguments: [key, name, header.suite, UTCTime(header.startedAt)?.text ?? ""])
    return try id("SELECT id FROM run WHERE key = ?", [key])
  }

  /// Whether a journal of `run` with these bytes was taken over whole.
  func knows(journal fingerprint: String, of run: Int64) throws -> Bool {
    try Bool.fetchOne(
      db, sql: "SELECT 1 FROM journal WHERE runID = ? AND fingerprint = ?",
      arguments: [run, fingerprint]) ?? false
  }

  func remember(journal fingerprint: String, of run: Int64) throws {
    try db.execute(
      sql: "INSERT OR IGNORE INTO journal (runID, fingerprint) VALUES (?, ?)",
      arguments: [run, fingerprint])
  }

  /// Every case that the history has of `run`.
  func cases(of run: Int64) throws -> Set<String> {
    try String.fetchSet(db, sql: "SELECT caseID FROM outcome WHERE runID = ?", arguments: [run])
  }

  /// Takes one record over, unless a later line of its journal is known.
  mutating func record(_ record: CaseRecord, line: Int, run: Int64) throws -> RecordChange {
    let data = try RecordCoding.encoder(pretty: false).encode(record)
    let fingerprint = TextFingerprint(String(decoding: data, as: UTF8.self)).description
    let known = try Row.fetchOne(
      db, sql: "SELECT id, line, fingerprint FROM outcome WHERE runID = ? AND caseID = ?",
      arguments: [run, record.caseID])
    var change = RecordChange.added
    if let known {
      let (knownLine, knownFingerprint): (Int, String) = (known["line"], known["fingerprint"])
      guard (line, fingerprint) > (knownLine, knownFingerprint) else { return .unchanged }
      change = knownFingerprint == fingerprint ? .unchanged : .replaced
      let id: Int64 = known["id"]
      try db.execute(sql: "DELETE FROM point WHERE outcomeID = ?", arguments: [id])
      try db.execute(sql: "DELETE FROM outcome WHERE id = ?", arguments: [id])
    }
    try db.execute(
      sql: """
        INSERT INTO outcome (runID, caseID, line, fingerprint, state, reason, sourceCommit)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        run, record.caseID, line, fingerprint, record.status.word, record.status.explanation,
        record.build.commit,
      ])
    try writePoints(of: record, outcome: db.lastInsertedRowID)
    return change
  }

  private mutating func writePoints(of record: CaseRecord, outcome: Int64) throws {
    try writeMachine(record.machine)
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO point (seriesID, outcomeID, value, low, high, samples, disturbed)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """)
    for value in record.historyValues {
      let series = try seriesID(
        SeriesKey(
          caseID: record.caseID, metric: value.metric, machine: record.machine.fingerprint,
          threads: record.execution.threads,
          toolchain: Toolchain(
            compiler: record.build.compiler, kernels: record.execution.kernelTable)))
      try statement.execute(arguments: [
        series, outcome, value.value, value.interval?.low, value.interval?.high, value.samples,
        value.disturbed,
      ])
    }
  }

  /// The fingerprint covers the rest, so that only a damaged record could differ; the first then
  /// counts, whatever the order.
  private func writeMachine(_ machine: MachineRecord) throws {
    try db.execute(
      sql: """
        INSERT INTO machine (fingerprint, cpu, slug, cores) VALUES (?, ?, ?, ?)
        ON CONFLICT (fingerprint) DO UPDATE SET cpu = excluded.cpu, slug = excluded.slug,
          cores = excluded.cores
        WHERE (excluded.slug, excluded.cpu, excluded.cores) < (slug, cpu, cores)
        """,
      arguments: [machine.fingerprint, machine.cpu, machine.slug, machine.cores])
  }

  private mutating func seriesID(_ key: SeriesKey) throws -> Int64 {
    if let known = seriesIDs[key] { return known }
    let arguments: StatementArguments = [
      key.caseID, key.metric.name, key.metric.unit, key.machine, key.threads,
      key.toolchain.compiler, key.toolchain.kernels,
    ]
    try db.execute(
      sql: """
        INSERT OR IGNORE INTO series (caseID, metric, unit, machine, threads, compiler, kernels)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """, arguments: arguments)
    let id = try id(
      """
      SELECT id FROM series WHERE caseID = ? AND metric = ? AND unit = ? AND machine = ?
        AND threads = ? AND compiler = ? AND kernels = ?
      """, arguments)
    seriesIDs[key] = id
    return id
  }

  private func id(_ query: String, _ arguments: StatementArguments) throws -> Int64 {
    guard let id = try Int64.fetchOne(db, sql: query, arguments: arguments) else {
      throw DatabaseError(message: "a row that was just written is not there")
    }
    return id
  }
}
