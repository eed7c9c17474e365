// SPDX-License-Identifier: MIT

import Foundation
import GRDB

/// Every metric of every case over time, in one SQLite file that journals can make again.
public struct History: Sendable {
  public let place: HistoryPlace
  let queue: DatabaseQueue

  /// Opens the history at `place`; an older layout is brought up to date.
  ///
  /// - Throws: ``ResultStoreError/noHistory(file:)``, `newerHistory`, `notAHistory`,
  ///   `damagedHistory`, or `historyFailed` with the words of SQLite.
  public init(_ place: HistoryPlace) throws(ResultStoreError) {
    guard place.exists else { throw .noHistory(file: place.database) }
    self.init(place: place, queue: try Self.queue(place.database))
    guard try isCurrent() else {
      let lock = try Self.lock(place, patience: Self.patience)
      defer { withExtendedLifetime(lock) {} }
      try migrate()
      return
    }
  }

  /// Opens or makes the database for a writer that holds the lock.
  init(writing place: HistoryPlace) throws(ResultStoreError) {
    self.init(place: place, queue: try Self.queue(place.database))
    if try !isCurrent() { try migrate() }
  }

  private init(place: HistoryPlace, queue: DatabaseQueue) {
    self.place = place
    self.queue = queue
  }

  /// A writer waits this long for another [s].
  static let patience = 120.0

  /// The right to write to the history at `place`.
  static func lock(_ place: HistoryPlace, patience: Double) throws(ResultStoreError) -> FileLock {
    do {
      try FileManager.default.createDirectory(
        atPath: place.folder, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(file: place.folder, cause: error.localizedDescription)
    }
    return try FileLock(file: place.lock, patience: patience) {
      .historyInUse(file: place.database, process: $0)
    }
  }

  private static func queue(_ file: String) throws(ResultStoreError) -> DatabaseQueue {
    var configuration = GRDB.Configuration()
    configuration.busyMode = .timeout(patience)
    // A reader may own no more than the right to read.
    configuration.readonly =
      FileManager.default.fileExists(atPath: file)
      && !FileManager.default.isWritableFile(atPath: file)
    return try access(file) { try DatabaseQueue(path: file, configuration: configuration) }
  }

  /// Whether every known step of the layout is done.
  ///
  /// - Throws: ``ResultStoreError/newerHistory(file:steps:)`` if unknown ones are done too.
  private func isCurrent() throws(ResultStoreError) -> Bool {
    try Self.access(place.database) {
      try queue.read { db in
        let identifier = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        // The list of migrations is made before the first of them, which says whose file it is:
        // whoever was killed in between left an empty history.
        let isEmpty =
          try Int.fetchOne(
            db, sql: "SELECT count(*) FROM sqlite_master WHERE tbl_name <> 'grdb_migrations'") == 0
        guard isEmpty || identifier == HistorySchema.applicationID else {
          throw ResultStoreError.notAHistory(
            file: place.database, cause: "it is the database of another program")
        }
        let migrator = HistorySchema.migrator
        guard try !migrator.hasBeenSuperseded(db) else {
          let known = Set(migrator.migrations)
          let steps = try migrator.appliedIdentifiers(db).subtracting(known).sorted()
          throw ResultStoreError.newerHistory(file: place.database, steps: steps)
        }
        return try migrator.hasCompletedMigrations(db)
      }
    }
  }

  private func migrate() throws(ResultStoreError) {
    try Self.access(place.database) { try HistorySchema.migrator.migrate(queue) }
  }

  /// The result of `body`, with errors of SQLite told as errors of the store.
  static func access<Result>(
    _ file: String, _ body: () throws -> Result
  ) throws(ResultStoreError) -> Result {
    do {
      return try body()
    } catch let error as ResultStoreError {
      throw error
    } catch let error as DatabaseError {
      switch error.resultCode {
      case .SQLITE_NOTADB:
        throw .notAHistory(file: file, cause: "it is no SQLite database")
      case .SQLITE_CORRUPT:
        throw .damagedHistory(file: file, cause: error.message ?? error.description)
      case .SQLITE_FULL:
        throw .historyFailed(file: file, cause: "the disk is full")
      case .SQLITE_IOERR:
        throw .historyFailed(
          file: file, cause: "the system refused to read or write; is the disk full?")
      default:
        throw .historyFailed(file: file, cause: error.message ?? error.description)
      }
    } catch {
      throw .historyFailed(file: file, cause: String(describing: error))
    }
  }
}
