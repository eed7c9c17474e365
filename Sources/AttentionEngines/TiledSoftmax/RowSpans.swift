// SPDX-License-Identifier: MIT

import AttentionCore

/// The keys of every query of a pattern, at fixed addresses.
final class RowSpans: @unchecked Sendable {
  struct Span {
    let first, count: Int32
  }

  private let spans: UnsafeMutablePointer<Span>
  private let starts: [Int]

  init(_ keys: KeyPattern, shape: AttentionShape) {
    var spans: [Span] = []
    var starts = [0]
    for query in 0..<shape.queryLength {
      spans += keys.spans(of: query, keyLength: shape.keyLength).map {
        Span(first: Int32($0.lowerBound), count: Int32($0.count))
      }
      starts.append(spans.count)
    }
    self.starts = starts
    self.spans = .allocate(capacity: max(spans.count, 1))
    self.spans.initialize(from: spans, count: spans.count)
  }

  deinit {
    spans.deallocate()
  }

  var bytes: Int { starts.count * 8 + (starts.last ?? 0) * MemoryLayout<Span>.stride }

  subscript(query: Int) -> UnsafeBufferPointer<Span> {
    UnsafeBufferPointer(start: spans + starts[query], count: starts[query + 1] - starts[query])
  }
}
