// SPDX-License-Identifier: MIT

import AttentionCore

/// Rows, ranges and partial results of a decode step.
///
/// Row `r` of a key-value head is query `r / headGroup` of the group's head `r % headGroup`, so
/// that consecutive rows see nearly the same keys.
final class DecodePartials: @unchecked Sendable {
  /// Query rows of a key-value head.
  let rowCount: Int
  /// Ranges of keys.
  let ranges: Int
  let output: UnsafeMutablePointer<Float>
  /// Maximum and denominator of every partial row.
  let sums: UnsafeMutablePointer<Float>
  /// Keys that every query sees.
  let visible: UnsafePointer<Int32>
  let bytes: Int
  private let rangeLength: Int
  private let group: Int
  private let keyLength: Int
  private let storage: Workspace
  private let limits: UnsafeMutablePointer<Int32>

  init(_ stage: Decode, shape: AttentionShape) {
    rowCount = shape.headGroup * shape.queryLength
    ranges = stage.rangeCount(keys: shape.keyLength)
    rangeLength = stage.rangeLength(keys: shape.keyLength)
    group = shape.headGroup
    keyLength = shape.keyLength
    let rows = shape.batch * shape.keyValueHeads * ranges * rowCount
    storage = Workspace(bytesPerWorker: 4 * rows * (shape.valueDim + 2), workers: 1)
    output = storage[0].assumingMemoryBound(to: Float.self)
    sums = output + rows * shape.valueDim
    limits = .allocate(capacity: shape.queryLength)
    for query in 0..<shape.queryLength {
      (limits + query).initialize(to: Int32(shape.visibleKeys(query: query)))
    }
    visible = UnsafePointer(limits)
    bytes = storage.bytes + 4 * shape.queryLength
  }

  deinit {
    limits.deallocate()
  }

  var unitsPerHead: Int {
    (rowCount + Decode.rowsAtOnce - 1) / Decode.rowsAtOnce * ranges
  }

  /// The rows that meet a range together.
  func rows(chunk: Int) -> Range<Int> {
    let first = chunk * Decode.rowsAtOnce
    return first..<min(first + Decode.rowsAtOnce, rowCount)
  }

  /// The keys of a range that one of the rows sees.
  func keys(chunk: Int, range: Int) -> Range<Int> {
    let first = range * rangeLength
    let seen = Int(visible[(rows(chunk: chunk).upperBound - 1) / group])
    return first..<max(min(first + rangeLength, seen), first)
  }

  /// The index of a partial row.
  func place(head: Int, range: Int, row: Int) -> Int {
    (head * ranges + range) * rowCount + row
  }
}
