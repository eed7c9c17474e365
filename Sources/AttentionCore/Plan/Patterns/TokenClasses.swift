// SPDX-License-Identifier: MIT

/// A partition of the tokens: queries see the keys that carry their own label.
public struct TokenClasses: Hashable, Sendable {
  private let queryLabels: [Int32]
  private let keys: SpanTable

  /// Labels count from 0; a negative one is in no class and sees nothing.
  public init(queries: [Int], keys keyLabels: [Int]) {
    queryLabels = queries.map { Int32($0) }
    let classes = max(queries.max() ?? -1, keyLabels.max() ?? -1) + 1
    var lists = [[Range<Int>]](repeating: [], count: classes)
    for (key, label) in keyLabels.enumerated() where label >= 0 {
      if let last = lists[label].last, last.upperBound == key {
        lists[label][lists[label].count - 1] = last.lowerBound..<key + 1
      } else {
        lists[label].append(key..<key + 1)
      }
    }
    keys = SpanTable(lists)
  }

  /// The same labels for queries and keys.
  public init(_ labels: [Int]) {
    self.init(queries: labels, keys: labels)
  }

  func spans(of query: Int) -> [Range<Int>] {
    let label = Int(queryLabels[query])
    return label >= 0 ? keys[label] : []
  }
}
