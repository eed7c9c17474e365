// SPDX-License-Identifier: MIT

import Foundation

/// The right to write to a run folder, held until released or until the process ends.
///
/// The lock is the kernel's, not the file's existence: a killed run leaves nothing to clean up.
final class RunLock: Sendable {
  private let descriptor: Int32

  init(file: String, run: String) throws(ResultStoreError) {
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw .unwritable(file: file, cause: systemErrorText()) }
    guard Self.acquire(descriptor) else {
      let isHeld = errno == EWOULDBLOCK
      let cause = systemErrorText()
      let process = Self.holder(descriptor)
      close(descriptor)
      throw isHeld ? .inUse(run: run, process: process) : .unwritable(file: file, cause: cause)
    }
    let text = Array("\(getpid())\n".utf8)
    // The number only serves the other writer's message, so a full disk is no reason to stop.
    if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
  }

  /// Takes the lock, waiting a moment for one that is about to be released.
  ///
  /// A child process holds a copy of every descriptor between fork and exec, and with it the lock
  /// of a writer that has already closed its own.
  private static func acquire(_ descriptor: Int32) -> Bool {
    for _ in 0..<20 {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
      guard errno == EWOULDBLOCK else { return false }
      usleep(10_000)
    }
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0
  }

  private static func holder(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 20)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let digits = bytes.prefix(max(count, 0)).prefix { (48...57).contains($0) }
    return digits.isEmpty ? "unknown" : String(decoding: digits, as: UTF8.self)
  }
}
