// SPDX-License-Identifier: MIT

/// Somewhere that bytes are written to, in order, with later corrections.
package protocol ByteSink: AnyObject {
  /// Bytes appended so far.
  var count: Int { get }
  func append(_ bytes: UnsafeRawBufferPointer) throws(TensorFileError)
  /// Overwrites bytes that were appended before.
  func replace(at offset: Int, with bytes: [UInt8]) throws(TensorFileError)
}

extension ByteSink {
  package func append(_ bytes: [UInt8]) throws(TensorFileError) {
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(TensorFileError) in try append(buffer) }
    }
    try result.get()
  }
}

/// A sink in memory.
final class MemorySink: ByteSink {
  private(set) var bytes: [UInt8] = []

  var count: Int { bytes.count }

  func append(_ bytes: UnsafeRawBufferPointer) {
    self.bytes.append(contentsOf: bytes)
  }

  func replace(at offset: Int, with bytes: [UInt8]) {
    self.bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }
}
