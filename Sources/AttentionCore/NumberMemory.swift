// SPDX-License-Identifier: MIT

#if canImport(Glibc)
import Glibc
#endif

/// Memory for arrays of numbers: small pieces on cache lines, large ones on huge pages.
///
/// A head of 4096 rows of 64 floats fills 256 pages of 4 KiB, several times what the first level of
/// a core's translation buffer holds; kernels that jump between the rows of queries, keys, values
/// and outputs then wait for translations, and the hardware prefetchers stop at every page. Systems
/// that hand out huge pages only on request are asked for them here, before the first touch.
package enum NumberMemory {
  /// Size and alignment of a huge page.
  private static let hugePage = 2 << 20
  /// From here on a piece is rounded up to whole huge pages.
  private static let largeBytes = 256 << 10

  /// Uninitialised memory of at least `byteCount` bytes, aligned to 128; freed by `deallocate()`.
  package static func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
    guard byteCount >= largeBytes else {
      return .allocate(byteCount: max(byteCount, 128), alignment: 128)
    }
    let bytes = (byteCount + hugePage - 1) / hugePage * hugePage
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: hugePage)
    #if canImport(Glibc)
    // A system without huge pages refuses, and small pages serve as well as before.
    _ = madvise(memory, bytes, MADV_HUGEPAGE)
    #endif
    return memory
  }
}
