// SPDX-License-Identifier: MIT

import CPlatform

/// The memory that the bandwidth loops walk over: one mapping per thread.
final class BandwidthArena: @unchecked Sendable {
  // Written once, before threads use it; each thread has a mapping of its own.
  private let mappings: [(base: UnsafeMutableRawPointer, bytes: Int)]

  /// Maps `bytes[i]` for thread i; pages are touched by ``touch(thread:bytes:)``.
  ///
  /// - Throws: `outOfMemory` if the system gives none.
  init(bytes: [Int]) throws(MeasurementError) {
    var mappings: [(base: UnsafeMutableRawPointer, bytes: Int)] = []
    for size in bytes {
      guard let base = cplatform_map(size) else {
        for mapping in mappings { cplatform_unmap(mapping.base, mapping.bytes) }
        throw .outOfMemory(bytes: size)
      }
      mappings.append((base, size))
    }
    self.mappings = mappings
  }

  deinit {
    for mapping in mappings { cplatform_unmap(mapping.base, mapping.bytes) }
  }

  /// Writes to every page, so that it lies near the calling thread's CPU.
  func touch(thread: Int) {
    let mapping = mappings[thread]
    mapping.base.initializeMemory(as: UInt8.self, repeating: 1, count: mapping.bytes)
  }

  /// Reads the first `bytes` of a thread's memory and returns how much was read.
  func read(thread: Int, bytes: Int, passes: UInt64, width: cplatform_width_t) -> Double {
    var folded = cplatform_read_passes(width, mappings[thread].base, bytes, passes)
    cplatform_consume(&folded)
    return Double(bytes) * Double(passes)
  }

  /// Copies the first half of `bytes` to the second; returns the bytes read plus those written.
  func copy(thread: Int, bytes: Int, passes: UInt64, width: cplatform_width_t) -> Double {
    let half = bytes / 2
    let base = mappings[thread].base
    cplatform_copy_passes(width, base + half, base, half, passes)
    return 2 * Double(half) * Double(passes)
  }
}
