// SPDX-License-Identifier: MIT

import Foundation

/// A file that takes its name only when it is complete.
///
/// Bytes go to a hidden temporary file in the same folder; ``commit()`` renames it. Without a
/// commit the temporary file is removed and an older file of the name stays as it was.
package final class AtomicFile: ByteSink {
  private let file: String
  private let target: String
  private let temporary: String
  private let descriptor: Int32
  private var isCommitted = false
  package private(set) var count = 0

  package init(path: String) throws(TensorFileError) {
    var status = stat()
    let exists = stat(path, &status) == 0
    guard !exists || status.st_mode & S_IFMT == S_IFREG else {
      throw .cannotWrite(file: path, reason: "it exists and is not a regular file")
    }
    // Renaming onto a symbolic link would replace the link instead of the file behind it.
    let target = exists ? resolved(path) : path
    let folder = target.lastIndex(of: "/").map { String(target[...$0]) } ?? ""
    let mode = exists ? status.st_mode & 0o777 : 0o666
    var temporary = ""
    var descriptor: Int32 = -1
    // A name is taken while another write of this process is under way, or after a kill.
    for attempt in 0..<1_000 where descriptor < 0 {
      temporary = folder + ".attnbench-\(getpid())-\(attempt).tmp"
      descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
      if descriptor < 0 && errno != EEXIST { break }
    }
    guard descriptor >= 0 else {
      throw .cannotWrite(file: path, reason: systemMessage(errno))
    }
    file = path
    self.target = target
    self.temporary = temporary
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
    if !isCommitted { unlink(temporary) }
  }

  package func append(_ bytes: UnsafeRawBufferPointer) throws(TensorFileError) {
    try write(bytes, at: count)
    count += bytes.count
  }

  package func replace(at offset: Int, with bytes: [UInt8]) throws(TensorFileError) {
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(TensorFileError) in try write(buffer, at: offset) }
    }
    try result.get()
  }

  /// Gives the file its name, once its bytes are on disk.
  package func commit() throws(TensorFileError) {
    guard fsync(descriptor) == 0, rename(temporary, target) == 0 else {
      throw .cannotWrite(file: file, reason: systemMessage(errno))
    }
    isCommitted = true
  }

  private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(TensorFileError) {
    var done = 0
    while done < bytes.count {
      // Linux moves at most 2 GiB in one call.
      let part = min(bytes.count - done, 1 << 30)
      let moved = pwrite(
        descriptor, bytes.baseAddress.map { $0 + done }, part, off_t(offset + done))
      if moved < 0 && errno == EINTR { continue }
      guard moved > 0 else {
        throw .cannotWrite(file: file, reason: systemMessage(moved == 0 ? ENOSPC : errno))
      }
      done += moved
    }
  }
}

/// The path behind symbolic links.
private func resolved(_ path: String) -> String {
  guard let real = realpath(path, nil) else { return path }
  defer { free(real) }
  return String(cString: real)
}
