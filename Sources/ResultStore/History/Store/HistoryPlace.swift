// SPDX-License-Identifier: MIT

import Foundation

/// Where a history lies, with the files beside it.
public struct HistoryPlace: Hashable, Sendable {
  /// The SQLite file.
  public let database: String

  /// A history in the file `database`, which need not exist yet.
  public init(_ database: String) {
    self.database = database
  }

  /// Whether there is a history.
  public var exists: Bool { FileManager.default.fileExists(atPath: database) }

  /// Annotations, a JSON object per line; fit to be committed.
  public var annotations: String { stem + ".annotations.jsonl" }

  /// The run folders that were imported, a JSON object per line; `rebuild` reads them again.
  public var sources: String { stem + ".sources.jsonl" }

  /// The folder that the database lies in.
  public var folder: String {
    let parts = database.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    if parts.isEmpty { return "." }
    return parts.count == 1 && parts[0].isEmpty ? "/" : parts.joined(separator: "/")
  }

  /// Where runs lie unless someone says otherwise: `runs` and `reference` beside the database.
  public var usualRoots: [String] {
    ["runs", "reference"].map { "\(folder)/\($0)" }
      .filter { FileManager.default.fileExists(atPath: $0) }
  }

  var lock: String { database + ".lock" }
  var unfinished: String { database + ".unfinished" }

  /// Files that SQLite may keep beside `database`; they belong to one database file only.
  static func companions(of database: String) -> [String] {
    ["-journal", "-wal", "-shm"].map { database + $0 }
  }

  private var stem: String {
    database.hasSuffix(".sqlite") ? String(database.dropLast(".sqlite".count)) : database
  }
}
