// SPDX-License-Identifier: MIT

import Foundation

#if _endian(big)
#error("stored bytes are little-endian and are loaded without swapping")
#endif

/// Memory for the elements of one tensor: 64-byte aligned, little-endian, row-major.
///
/// Written only by the reader that makes it, before anyone else holds it; that makes it sendable.
final class ByteStorage: @unchecked Sendable {
  let bytes: UnsafeMutableRawBufferPointer

  init(count: Int, file: String) throws(TensorFileError) {
    var address: UnsafeMutableRawPointer?
    guard posix_memalign(&address, 64, max(count, 1)) == 0, let address else {
      throw .outOfMemory(file: file, bytes: count)
    }
    bytes = UnsafeMutableRawBufferPointer(start: address, count: count)
  }

  deinit {
    free(bytes.baseAddress)
  }

  /// The elements as values of the type they are stored in.
  func elements<Element: BitwiseCopyable>(as type: Element.Type) -> UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(bytes.assumingMemoryBound(to: type))
  }
}
