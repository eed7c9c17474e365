// SPDX-License-Identifier: MIT

import GRDB

/// The tables of a history and how they came to be: steps are added, never changed.
enum HistorySchema {
  /// Marks the file as a history, in the place that SQLite keeps for it: "attn" in ASCII.
  static let applicationID: Int32 = 0x6174_746E

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 runs, series and points") { db in
      try db.execute(sql: "PRAGMA application_id = \(applicationID)")
      try createRuns(db)
      try createSeries(db)
    }
    return migrator
  }

  private static func createRuns(_ db: Database) throws {
    try db.create(table: "extraction", options: .strict) { table in
      table.primaryKey("id", .integer).check { $0 == 1 }
      table.column("version", .integer).notNull()
    }
    try db.create(table: "machine", options: .strict) { table in
      table.primaryKey("fingerprint", .text)
      table.column("cpu", .text).notNull()
      table.column("slug", .text).notNull()
      table.column("cores", .integer).notNull()
    }
    try db.create(table: "run", options: .strict) { table in
      table.primaryKey("id", .integer)
      table.column("key", .text).notNull().unique()
      table.column("name", .text).notNull()
      table.column("suite", .text).notNull()
      table.column("startedAt", .text).notNull()
    }
    // Journals that were taken over whole and need not be read again.
    try db.create(table: "journal", options: [.strict, .withoutRowID]) { table in
      table.column("runID", .integer).notNull().references("run")
      table.column("fingerprint", .text).notNull()
      table.primaryKey(["runID", "fingerprint"])
    }
    try db.create(table: "outcome", options: .strict) { table in
      table.primaryKey("id", .integer)
      table.column("runID", .integer).notNull().references("run")
      table.column("caseID", .text).notNull()
      // Line of the journal and hash of the record: the later line of a case counts.
      table.column("line", .integer).notNull()
      table.column("fingerprint", .text).notNull()
      table.column("state", .text).notNull()
      table.column("reason", .text)
      // `commit` would need quoting everywhere: it is a word of SQL.
      table.column("sourceCommit", .text).notNull()
      table.uniqueKey(["runID", "caseID"])
    }
  }

  private static func createSeries(_ db: Database) throws {
    try db.create(table: "series", options: .strict) { table in
      table.primaryKey("id", .integer)
      table.column("caseID", .text).notNull()
      table.column("metric", .text).notNull()
      table.column("unit", .text).notNull()
      table.column("machine", .text).notNull().references("machine")
      table.column("threads", .integer).notNull()
      table.column("compiler", .text).notNull()
      table.column("kernels", .text).notNull()
      table.uniqueKey([
        "caseID", "metric", "unit", "machine", "threads", "compiler", "kernels",
      ])
    }
    try db.create(table: "point", options: [.strict, .withoutRowID]) { table in
      table.column("seriesID", .integer).notNull().references("series")
      table.column("outcomeID", .integer).notNull().references("outcome")
      table.column("value", .real).notNull()
      table.column("low", .real)
      table.column("high", .real)
      table.column("samples", .integer)
      table.column("disturbed", .integer)
      table.primaryKey(["seriesID", "outcomeID"])
    }
    try db.create(index: "pointByOutcome", on: "point", columns: ["outcomeID"])
  }
}
