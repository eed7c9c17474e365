// SPDX-License-Identifier: MIT

import Foundation
import Synchronization

/// The only writer of a run's journal: each record is on disk when ``append(_:)`` returns.
///
/// It holds the run's lock until it is released.
public final class JournalWriter: Sendable {
  /// What the journal held when the writer was opened.
  public let existing: JournalContents
  private let file: String
  private let descriptor: Mutex<Int32>
  private let lock: RunLock

  /// Opens `file`, cuts a half last line off and makes the file end in a newline.
  init(file: String, existing: JournalContents, lock: RunLock) throws(ResultStoreError) {
    let descriptor = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw .unwritable(file: file, cause: systemErrorText()) }
    self.existing = existing
    self.file = file
    self.lock = lock
    self.descriptor = Mutex(descriptor)
    try mendEnd()
  }

  deinit {
    descriptor.withLock { _ = close($0) }
  }

  /// Writes `record` as one line and waits until it is on disk.
  ///
  /// A write that fails halfway, as on a full disk, leaves the journal as it was.
  public func append(_ record: CaseRecord) throws(ResultStoreError) {
    var line: Data
    do {
      line = try RecordCoding.encoder(pretty: false).encode(record)
    } catch {
      throw .notEncodable(caseID: record.caseID, cause: String(describing: error))
    }
    line.append(UInt8(ascii: "\n"))
    try write(line)
  }

  private func mendEnd() throws(ResultStoreError) {
    if existing.cutBytes > 0 {
      let cause: String? = descriptor.withLock { descriptor in
        let length = lseek(descriptor, 0, SEEK_END)
        let isCut = ftruncate(descriptor, length - off_t(existing.cutBytes)) == 0
        return isCut ? nil : systemErrorText()
      }
      if let cause { throw .unwritable(file: file, cause: cause) }
    } else if existing.lacksFinalNewline {
      try write(Data([UInt8(ascii: "\n")]))
    }
  }

  private func write(_ bytes: Data) throws(ResultStoreError) {
    let cause: String? = descriptor.withLock { descriptor in
      let length = lseek(descriptor, 0, SEEK_END)
      let written = bytes.withUnsafeBytes { buffer in
        retryingInterrupts { Glibc.write(descriptor, buffer.baseAddress, buffer.count) }
      }
      guard written == bytes.count else {
        let cause =
          written < 0 ? systemErrorText() : "only \(written) of \(bytes.count) bytes fitted"
        _ = ftruncate(descriptor, length)
        return cause
      }
      guard retryingInterrupts({ Int(fsync(descriptor)) }) == 0 else { return systemErrorText() }
      return nil
    }
    if let cause { throw .unwritable(file: file, cause: cause) }
  }
}

/// The system's sentence for the last failed call.
func systemErrorText() -> String { String(cString: strerror(errno)) }

private func retryingInterrupts(_ call: () -> Int) -> Int {
  while true {
    let result = call()
    if result >= 0 || errno != EINTR { return result }
  }
}
