// SPDX-License-Identifier: MIT

import Foundation

/// Reading of whole files that may turn out to be devices, pipes or far too large.
package enum PlainFile {
  /// The bytes of the file at `path`.
  ///
  /// - Throws: ``ResultStoreError/unreadable(file:cause:)`` for anything but a plain file,
  ///   ``ResultStoreError/tooLarge(file:bytes:limit:)``.
  package static func contents(
    of path: String, limit: Int = 1 << 28
  ) throws(ResultStoreError) -> Data {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(file: path, cause: systemErrorText()) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .unreadable(file: path, cause: "it is not a plain file")
    }
    let bytes = Int(status.st_size)
    guard bytes <= limit else { throw .tooLarge(file: path, bytes: bytes, limit: limit) }
    do {
      // At most what was promised, even if the file grows meanwhile.
      let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
      return try handle.read(upToCount: bytes) ?? Data()
    } catch {
      throw .unreadable(file: path, cause: error.localizedDescription)
    }
  }
}
