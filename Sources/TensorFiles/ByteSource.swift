// SPDX-License-Identifier: MIT

import Foundation

/// Bytes that can be read at any offset: a file on disk or an array in memory.
final class ByteSource: Sendable {
  let file: String
  let count: Int
  private let descriptor: Int32
  private let memory: [UInt8]

  init(path: String) throws(TensorFileError) {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw .cannotOpen(file: path, reason: systemMessage(errno))
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .notARegularFile(file: path)
    }
    self.descriptor = descriptor
    file = path
    count = Int(status.st_size)
    memory = []
  }

  init(bytes: [UInt8], file: String) {
    descriptor = -1
    self.file = file
    count = bytes.count
    memory = bytes
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Fills `buffer` from `offset` on.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(TensorFileError) {
    try checkRange(offset, buffer.count)
    if descriptor < 0 {
      buffer.copyBytes(from: memory[offset..<offset + buffer.count])
    } else {
      try readFile(at: offset, into: buffer)
    }
  }

  private func checkRange(_ offset: Int, _ length: Int) throws(TensorFileError) {
    guard offset >= 0, length >= 0, offset <= count, length <= count - offset else {
      let end = offset.addingReportingOverflow(length)
      throw .truncated(
        file: file, expectedBytes: end.overflow ? .max : end.partialValue, foundBytes: count)
    }
  }

  private func readFile(
    at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(TensorFileError) {
    var done = 0
    while done < buffer.count {
      // Linux moves at most 2 GiB in one call.
      let part = min(buffer.count - done, 1 << 30)
      let moved = pread(
        descriptor, buffer.baseAddress.map { $0 + done }, part, off_t(offset + done))
      if moved < 0 && errno == EINTR { continue }
      guard moved >= 0 else {
        throw .cannotRead(file: file, offset: offset + done, reason: systemMessage(errno))
      }
      // The file shrank after it was opened.
      guard moved > 0 else {
        throw .truncated(file: file, expectedBytes: count, foundBytes: offset + done)
      }
      done += moved
    }
  }

  /// The bytes of a range; for headers and directories, not for elements.
  func bytes(at offset: Int, count: Int) throws(TensorFileError) -> [UInt8] {
    // Checked before memory is taken for a range that a hostile file merely claims.
    try checkRange(offset, count)
    return try [UInt8](unsafeUninitializedCapacity: count) {
      (buffer, filled) throws(TensorFileError) in
      let range = UnsafeMutableRawBufferPointer(buffer)
      try read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: range[..<count]))
      filled = count
    }
  }

  /// Up to `count` bytes from the start, fewer if the file is shorter.
  func prefix(_ count: Int) throws(TensorFileError) -> [UInt8] {
    try bytes(at: 0, count: min(count, self.count))
  }
}

/// The system's sentence for an error number.
func systemMessage(_ code: Int32) -> String {
  String(cString: strerror(code))
}
