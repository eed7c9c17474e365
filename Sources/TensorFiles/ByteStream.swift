// SPDX-License-Identifier: MIT

/// Bytes that are read once, from front to back; their number is known beforehand.
protocol ByteStream: AnyObject {
  /// The name that errors carry.
  var file: String { get }
  /// Declared number of bytes.
  var count: Int { get }
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TensorFileError)
  /// Checks what can be checked only after the last byte, such as a checksum.
  func finish() throws(TensorFileError)
}

extension ByteStream {
  func bytes(_ count: Int) throws(TensorFileError) -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled throws(TensorFileError) in
      let range = UnsafeMutableRawBufferPointer(buffer)
      try read(into: UnsafeMutableRawBufferPointer(rebasing: range[..<count]))
      filled = count
    }
  }
}

/// A range of a source, as it is.
final class RangeStream: ByteStream {
  let file: String
  let count: Int
  private let source: ByteSource
  private var position: Int

  init(_ source: ByteSource, offset: Int = 0, count: Int? = nil, file: String? = nil) {
    self.source = source
    self.file = file ?? source.file
    self.count = count ?? source.count - offset
    position = offset
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TensorFileError) {
    try source.read(at: position, into: buffer)
    position += buffer.count
  }

  func finish() {}
}
