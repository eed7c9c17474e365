// SPDX-License-Identifier: MIT

import Foundation

/// The right to write to a run folder or a history, held until released or the process ends.
///
/// The lock is the kernel's, not the file's existence: a killed process leaves nothing to clean up.
final class FileLock: Sendable {
  /// Long enough for a lock that is about to be released [s].
  ///
  /// A child process holds a copy of every descriptor between fork and exec, and with it the lock
  /// of a writer that has already closed its own.
  static let briefPatience = 0.2

  private let descriptor: Int32

  /// Takes the lock `file`, waiting at most `patience` seconds for its holder.
  ///
  /// - Throws: what `refusal` makes of the holder's process number if the time is over, or
  ///   ``ResultStoreError/unwritable(file:cause:)``.
  init(
    file: String, patience: Double = FileLock.briefPatience,
    refusal: (_ process: String) -> ResultStoreError
  ) throws(ResultStoreError) {
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw .unwritable(file: file, cause: systemErrorText()) }
    guard Self.acquire(descriptor, patience: patience) else {
      let isHeld = errno == EWOULDBLOCK
      let cause = systemErrorText()
      let process = Self.holder(descriptor)
      close(descriptor)
      throw isHeld ? refusal(process) : .unwritable(file: file, cause: cause)
    }
    let text = Array("\(getpid())\n".utf8)
    // The number only serves the other writer's message, so a full disk is no reason to stop.
    if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
  }

  private static func acquire(_ descriptor: Int32, patience: Double) -> Bool {
    let start = ContinuousClock.now
    let deadline = start + .seconds(patience)
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK, ContinuousClock.now < deadline else { return false }
      usleep(10_000)
    }
    return true
  }

  private static func holder(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 20)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let digits = bytes.prefix(max(count, 0)).prefix { (48...57).contains($0) }
    return digits.isEmpty ? "unknown" : String(decoding: digits, as: UTF8.self)
  }
}
