// SPDX-License-Identifier: MIT

/// Real columns in pairs, one as the real and one as the imaginary part, each pair contiguous: one
/// complex transform serves both.
struct ColumnStore {
  let base: UnsafeMutablePointer<ComplexPair>
  /// Complex numbers from one pair to the next.
  let stride: Int

  init(_ memory: UnsafeMutableRawPointer, length: Int) {
    base = memory.assumingMemoryBound(to: ComplexPair.self)
    stride = Self.stride(length: length)
  }

  static func bytes(pairs: Int, length: Int) -> Int {
    pairs * stride(length: length) * MemoryLayout<ComplexPair>.stride
  }

  /// The least stride that keeps pairs 64-byte aligned and off multiples of 4096 bytes.
  ///
  /// Those share a cache set.
  static func stride(length: Int) -> Int {
    let aligned = (length + 7) & ~7
    return aligned.isMultiple(of: 512) ? aligned + 8 : aligned
  }

  subscript(pair: Int) -> UnsafeMutablePointer<ComplexPair> { base + pair * stride }
}

/// A split of `count` items into units of work of at most `size`; it depends on nothing else, so
/// neither do the results.
struct UnitSplit {
  let count: Int
  let size: Int

  var units: Int { (count + size - 1) / size }

  subscript(unit: Int) -> Range<Int> { unit * size..<min((unit + 1) * size, count) }
}
