// SPDX-License-Identifier: MIT

import Foundation

/// The only writer of a run's journal: each record is on disk when ``append(_:)`` returns.
///
/// It holds the run's lock until it is released.
public final class JournalWriter: Sendable {
  /// What the journal held when the writer was opened.
  public let existing: JournalContents
  private let lines: LineFile
  private let lock: FileLock

  /// Opens `file`, cuts a half last line off and makes the file end in a newline.
  init(file: String, existing: JournalContents, lock: FileLock) throws(ResultStoreError) {
    self.existing = existing
    self.lock = lock
    lines = try LineFile(file, end: existing.end)
  }

  /// Writes `record` as one line and waits until it is on disk.
  ///
  /// A write that fails halfway, as on a full disk, leaves the journal as it was.
  public func append(_ record: CaseRecord) throws(ResultStoreError) {
    let line: Data
    do {
      line = try RecordCoding.encoder(pretty: false).encode(record)
    } catch {
      throw .notEncodable(caseID: record.caseID, cause: String(describing: error))
    }
    try lines.append(line)
  }
}
