// SPDX-License-Identifier: MIT

/// What one head sees and how its queries are gathered.
public struct HeadPattern: Hashable, Sendable {
  public let keys: KeyPattern
  public let order: QueryOrder
  /// Added to the scores.
  public let bias: ScoreBias
  /// Summaries that a query sees beside its keys, by index of the summary.
  public let summaries: KeyPattern?

  public init(
    _ keys: KeyPattern, order: QueryOrder = .sequence, bias: ScoreBias = .none,
    summaries: KeyPattern? = nil
  ) {
    self.keys = keys
    self.order = order
    self.bias = bias
    self.summaries = summaries
  }
}

/// What is added to the scaled scores of a head.
public enum ScoreBias: Hashable, Sendable {
  case none
  /// `slope (j - i)` for query `i` and key `j`, whose positions count from the same token.
  ///
  /// Meant for keys that do not lie far after their queries: the largest terms are the most exact
  /// ones where `slope (j - i) <= 0`.
  case linear(slope: Double)
  /// A learned term per head and offset between grid positions.
  case relative(RelativeBias)
  /// Products of the query with learned vectors per axis and offset; needs whole rows.
  case queryRelative(RelativeVectors)
}

/// A key pattern for every query head.
public struct HeadPatterns: Hashable, Sendable {
  /// The distinct patterns.
  public let patterns: [HeadPattern]
  /// Index of the pattern of every query head.
  public private(set) var ofHead: [Int]
  /// Means of keys and values that heads may see as further keys.
  public let summaries: KeySummaries?
  /// How heads pick among ``patterns`` from the data; nil where ``ofHead`` is final.
  public let choice: HeadChoice?
  /// Attended pairs of one head of each pattern, those with summaries included.
  let pairs: [Int]
  /// Of these, pairs with summaries.
  let summaryPairs: [Int]

  /// Finds the distinct ones among the patterns of all query heads.
  ///
  /// - Requires: one pattern per query head of `shape`.
  public init(
    perHead: [HeadPattern], summaries: KeySummaries? = nil, shape: AttentionShape
  ) {
    precondition(perHead.count == shape.queryHeads, "one pattern per query head")
    var patterns: [HeadPattern] = []
    var indices: [HeadPattern: Int] = [:]
    ofHead = perHead.map { pattern in
      if let known = indices[pattern] { return known }
      patterns.append(pattern)
      indices[pattern] = patterns.count - 1
      return patterns.count - 1
    }
    self.patterns = patterns
    self.summaries = summaries
    choice = nil
    (pairs, summaryPairs) = Self.pairs(patterns, summaries, shape: shape)
  }

  /// Candidates of which every head picks one when it meets the data.
  ///
  /// Bounds, which know no data, deal the candidates out to the heads in turn.
  public init(candidates: [HeadPattern], choice: HeadChoice, shape: AttentionShape) {
    precondition(!candidates.isEmpty, "there must be something to choose")
    patterns = candidates
    ofHead = (0..<shape.queryHeads).map { $0 % candidates.count }
    summaries = nil
    self.choice = choice
    (pairs, summaryPairs) = Self.pairs(candidates, nil, shape: shape)
  }

  /// Attended pairs of one head of each pattern, and those of them with summaries.
  private static func pairs(
    _ patterns: [HeadPattern], _ summaries: KeySummaries?, shape: AttentionShape
  ) -> (all: [Int], summaries: [Int]) {
    let count = summaries?.groups.count ?? 0
    let summaryPairs = patterns.map {
      $0.summaries?.attendedPairs(queryLength: shape.queryLength, keyLength: count) ?? 0
    }
    let keyPairs = patterns.map {
      $0.keys.attendedPairs(queryLength: shape.queryLength, keyLength: shape.keyLength)
    }
    return (zip(keyPairs, summaryPairs).map { $0 + $1 }, summaryPairs)
  }

  /// The same pattern for all heads.
  public init(_ pattern: HeadPattern, summaries: KeySummaries? = nil, shape: AttentionShape) {
    self.init(
      perHead: [HeadPattern](repeating: pattern, count: shape.queryHeads), summaries: summaries,
      shape: shape)
  }

  /// The same candidates, of which every head has picked the one at this index.
  func picking(_ indices: [Int]) -> HeadPatterns {
    var copy = self
    copy.ofHead = indices
    return copy
  }

  /// Attended pairs of all query heads of one batch element.
  public var attendedPairs: Int { ofHead.reduce(0) { $0 + pairs[$1] } }
}

/// Means of groups of keys and values, which patterns may show to queries as further keys.
public struct KeySummaries: Hashable, Sendable {
  /// The keys of each summary.
  public let groups: SpanTable
  /// Whether a summary weighs as much as the keys that it stands for: `ln count` on its score.
  public let weighsAsGroup: Bool

  public init(groups: SpanTable, weighsAsGroup: Bool) {
    self.groups = groups
    self.weighsAsGroup = weighsAsGroup
  }

  /// Keys in all groups.
  public var keyCount: Int {
    (0..<groups.count).reduce(0) { $0 + KeySpans.count(groups[$1]) }
  }
}
