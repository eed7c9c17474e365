// SPDX-License-Identifier: MIT

import Foundation
import Synchronization

/// A file that only grows, line by line; each line is on disk when ``append(_:)`` returns.
final class LineFile: Sendable {
  private let file: String
  private let descriptor: Mutex<Int32>

  /// Opens or makes `file`, cuts a half last line off and makes the file end in a newline.
  init(_ file: String, end: LineFileEnd) throws(ResultStoreError) {
    let descriptor = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw .unwritable(file: file, cause: systemErrorText()) }
    self.file = file
    self.descriptor = Mutex(descriptor)
    try mend(end)
  }

  deinit {
    descriptor.withLock { _ = close($0) }
  }

  /// Writes `line` and a newline, and waits until they are on disk.
  ///
  /// A write that fails halfway, as on a full disk, leaves the file as it was.
  func append(_ line: Data) throws(ResultStoreError) {
    var bytes = line
    bytes.append(UInt8(ascii: "\n"))
    try write(bytes)
  }

  private func mend(_ end: LineFileEnd) throws(ResultStoreError) {
    if end.cutBytes > 0 {
      let cause: String? = descriptor.withLock { descriptor in
        let length = lseek(descriptor, 0, SEEK_END)
        let isCut = ftruncate(descriptor, length - off_t(end.cutBytes)) == 0
        return isCut ? nil : systemErrorText()
      }
      if let cause { throw .unwritable(file: file, cause: cause) }
    } else if end.lacksFinalNewline {
      try write(Data([UInt8(ascii: "\n")]))
    }
  }

  /// Writes `bytes` at the end, all or none, and waits until they are on disk.
  func write(_ bytes: Data) throws(ResultStoreError) {
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
