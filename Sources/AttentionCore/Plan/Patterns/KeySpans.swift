// SPDX-License-Identifier: MIT

/// Set operations on ascending, disjoint, non-empty spans of keys.
enum KeySpans {
  /// The union of any spans, in any order.
  static func union(_ spans: [Range<Int>]) -> [Range<Int>] {
    guard spans.count > 1 else { return spans.filter { !$0.isEmpty } }
    var result: [Range<Int>] = []
    for span in spans.sorted(by: { $0.lowerBound < $1.lowerBound }) where !span.isEmpty {
      if let last = result.last, span.lowerBound <= last.upperBound {
        result[result.count - 1] =
          last.lowerBound..<Swift.max(last.upperBound, span.upperBound)
      } else {
        result.append(span)
      }
    }
    return result
  }

  /// The keys that lie in both.
  static func intersection(_ left: [Range<Int>], _ right: [Range<Int>]) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var (i, j) = (0, 0)
    while i < left.count, j < right.count {
      let both = left[i].clamped(to: right[j])
      if !both.isEmpty { result.append(both) }
      if left[i].upperBound < right[j].upperBound { i += 1 } else { j += 1 }
    }
    return result
  }

  /// Keys in all spans.
  static func count(_ spans: [Range<Int>]) -> Int {
    spans.reduce(0) { $0 + $1.count }
  }
}

/// Lists of spans, one list per index, held in three flat arrays.
public struct SpanTable: Hashable, Sendable {
  private var starts: [Int32] = [0]
  private var lowerBounds: [Int32] = []
  private var upperBounds: [Int32] = []

  /// `lists` in order of their indices; each is brought into ascending, disjoint form.
  public init(_ lists: some Sequence<[Range<Int>]>) {
    for list in lists {
      for span in KeySpans.union(list) {
        lowerBounds.append(Int32(span.lowerBound))
        upperBounds.append(Int32(span.upperBound))
      }
      starts.append(Int32(lowerBounds.count))
    }
  }

  /// Number of lists.
  public var count: Int { starts.count - 1 }

  /// The spans of list `index`, ascending.
  public subscript(index: Int) -> [Range<Int>] {
    (Int(starts[index])..<Int(starts[index + 1])).map {
      Int(lowerBounds[$0])..<Int(upperBounds[$0])
    }
  }
}
