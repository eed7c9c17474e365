// SPDX-License-Identifier: MIT

import Foundation
import GRDB

/// The only writer of a history: takes runs over from their journals.
///
/// It holds the history's lock until it is released; a run is taken over whole or not at all.
public final class HistoryImporter {
  public let history: History
  private let lock: FileLock
  private let sources: HistorySources

  /// Opens or makes the history at `place`, waiting at most `patience` seconds for another writer.
  ///
  /// - Throws: ``ResultStoreError/historyInUse(file:process:)``, and what ``History`` throws.
  public init(_ place: HistoryPlace, patience: Double = 120) throws(ResultStoreError) {
    // Before anything is laid beside a file that may be no history at all. Where there is a lock,
    // somebody may be making the history just now: until that is done it looks like none.
    if place.exists, !FileManager.default.fileExists(atPath: place.lock) {
      _ = try History(place)
    }
    lock = try History.lock(place, patience: patience)
    history = try History(writing: place)
    sources = try HistorySources(place)
    try markExtraction()
  }

  /// An importer into an unfinished database, whose lock and sources belong to `place`.
  init(
    unfinished: HistoryPlace, lock: FileLock, sources: HistorySources
  ) throws(ResultStoreError) {
    self.lock = lock
    self.sources = sources
    history = try History(writing: unfinished)
    try markExtraction()
  }

  /// Takes the run in `folder` over; what the history already has is left alone.
  ///
  /// Two copies of a run count as one. Of two records of a case the later line of the journal counts,
  /// in whatever order they arrive, so that a rebuilt history is the same.
  ///
  /// - Throws: ``ResultStoreError/unreadable(file:cause:)`` or `malformedHeader` for a folder that
  ///   is no run, `historyFailed` with the words of SQLite.
  public func importRun(_ folder: RunFolder, now: Date = Date()) throws(ResultStoreError)
    -> ImportedRun
  {
    let header = try folder.header()
    let journal = try folder.journal()
    let fingerprint = TextFingerprint(bytes: journal).description
    var imported = ImportedRun(name: folder.name, suite: header.suite)
    try sources.add(folder.path)
    try History.access(history.place.database) {
      try history.queue.write { db in
        var writer = HistoryRowWriter(db)
        let run = try writer.run(header, name: folder.name)
        guard try !writer.knows(journal: fingerprint, of: run) else {
          imported.unchanged = try writer.cases(of: run).count
          return
        }
        let contents = JournalContents(parsing: journal)
        imported.notes = contents.problems.map(\.description)
        imported.notes += ClockCheck(header: header, records: contents.records, now: now).notes
        for (record, line) in zip(contents.records, contents.lineNumbers) {
          imported.count(record, change: try writer.record(record, line: line, run: run))
        }
        imported.missing = try writer.cases(of: run).subtracting(contents.finishedCaseIDs).count
        // What there is something to say about is said each time.
        if imported.notes.isEmpty, imported.missing == 0 {
          try writer.remember(journal: fingerprint, of: run)
        }
      }
    }
    return imported
  }

  /// Whether the history was begun by a program that kept fewer metrics.
  public func isMissingMetrics() throws(ResultStoreError) -> Bool {
    try History.access(history.place.database) {
      try history.queue.read { db in
        let version = try Int.fetchOne(db, sql: "SELECT version FROM extraction") ?? 0
        return version < CaseRecord.historyExtraction
      }
    }
  }

  private func markExtraction() throws(ResultStoreError) {
    try History.access(history.place.database) {
      try history.queue.write { db in
        try db.execute(
          sql: "INSERT OR IGNORE INTO extraction (id, version) VALUES (1, ?)",
          arguments: [CaseRecord.historyExtraction])
      }
    }
  }
}

/// What became of the records of one run.
public struct ImportedRun: Hashable, Sendable {
  public let name: String
  public let suite: String
  public internal(set) var added = 0
  public internal(set) var replaced = 0
  public internal(set) var unchanged = 0
  /// Cases that the history has of this run and its journal has no more; they are kept.
  public internal(set) var missing = 0
  /// Records by word of ``CaseStatus``.
  public internal(set) var states: [String: Int] = [:]
  /// Lines that could not be used, and doubts about the clock.
  public internal(set) var notes: [String] = []

  public var records: Int { added + replaced + unchanged }

  mutating func count(_ record: CaseRecord, change: RecordChange) {
    states[record.status.word, default: 0] += 1
    switch change {
    case .added: added += 1
    case .replaced: replaced += 1
    case .unchanged: unchanged += 1
    }
  }
}

/// What a record meant to the history.
enum RecordChange {
  case added, replaced, unchanged
}
