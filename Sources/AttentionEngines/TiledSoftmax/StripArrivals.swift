// SPDX-License-Identifier: MIT

import AttentionCore

/// The key rows that each strip reads and the strip executed before it did not.
///
/// A kernel fetches these rows while the strip before is at work; they only steer prefetches, so the
/// lists may be cut short.
final class StripArrivals: @unchecked Sendable {
  /// Bytes of keys and values per strip that are worth a prefetch: more would push the rows at hand out
  /// of the second-level cache.
  private static let mostBytes = 320 << 10

  private let ranges: [Range<Int>]
  private let keys: UnsafeMutablePointer<Int32>
  private let keyCount: Int

  /// `ascends` tells whether strips are executed from the first to the last or the other way; `rowBytes`
  /// are those of a key and its value.
  init(_ schedule: TileSchedule, ascends: Bool, rowBytes: Int) {
    let most = max(Self.mostBytes / rowBytes, 1)
    var ranges: [Range<Int>] = []
    var keys: [Int32] = []
    var before: [ClosedRange<Int32>] = []
    for position in schedule.strips.indices {
      let index = ascends ? position : schedule.strips.count - 1 - position
      let strip = schedule.strips[index]
      let first = keys.count
      for run in schedule.runs[strip.runs] {
        Self.append(run, without: before, to: &keys, limit: first + most)
      }
      before = schedule.runs[strip.runs].compactMap(Self.span)
      ranges.append(first..<keys.count)
    }
    self.ranges = ascends ? ranges : ranges.reversed()
    keyCount = keys.count
    self.keys = .allocate(capacity: max(keys.count, 1))
    self.keys.initialize(from: keys, count: keys.count)
  }

  deinit {
    keys.deallocate()
  }

  var bytes: Int { 4 * keyCount + ranges.count * MemoryLayout<Range<Int>>.stride }

  /// The arrivals of the strip at index `strip` of the schedule.
  subscript(strip: Int) -> UnsafeBufferPointer<Int32> {
    let range = ranges[strip]
    return UnsafeBufferPointer(start: keys + range.lowerBound, count: range.count)
  }

  /// First to last key of a run, whatever its step; nil if it is empty.
  private static func span(_ run: KeyRun) -> ClosedRange<Int32>? {
    run.count > 0 ? run.firstKey...(run.firstKey + (run.count - 1) * run.step) : nil
  }

  private static func append(
    _ run: KeyRun, without known: [ClosedRange<Int32>], to keys: inout [Int32], limit: Int
  ) {
    guard let span = span(run) else { return }
    var key = span.lowerBound
    while key <= span.upperBound, keys.count < limit {
      if let covered = known.first(where: { $0.contains(key) }) {
        key += ((covered.upperBound - key) / run.step + 1) * run.step
      } else {
        keys.append(key)
        key += run.step
      }
    }
  }
}
