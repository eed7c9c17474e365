// SPDX-License-Identifier: MIT

/// What one head sees and how its queries are gathered.
public struct HeadPattern: Hashable, Sendable {
  public let keys: KeyPattern
  public let order: QueryOrder
  /// Added to the scores.
  public let bias: ScoreBias
  /// Summaries that a query sees beside its keys, by index of the summary.
  public let summaries: KeyPattern?
  /// How queries see the frequent keys of their head; nil where they do not.
  public let frequent: FrequentKeys?

  public init(
    _ keys: KeyPattern, order: QueryOrder = .sequence, bias: ScoreBias = .none,
    summaries: KeyPattern? = nil, frequent: FrequentKeys? = nil
  ) {
    self.keys = keys
    self.order = order
    self.bias = bias
    self.summaries = summaries
    self.frequent = frequent
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
  public private(set) var patterns: [HeadPattern]
  /// Index of the pattern of every query head.
  public private(set) var ofHead: [Int]
  /// Means of keys and values that heads may see as further keys; frequent keys are among them.
  public private(set) var summaries: KeySummaries?
  /// How heads pick one of ``candidates`` from the data; nil where ``ofHead`` is final.
  public let choice: HeadChoice?
  /// What heads pick from; empty where they do not.
  public let candidates: [HeadPattern]
  /// Attended pairs of one head of each pattern, those with summaries included.
  private var pairs: [Int]
  /// Frequent keys that a head of each pattern takes; empty where no pattern takes any.
  private var frequentRowsOfPattern: [Int] = []

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
    candidates = []
    pairs = Self.pairs(patterns, summaries, shape: shape)
  }

  /// Candidates of which every head picks one when it meets the data.
  ///
  /// Bounds, which know no data, deal the candidates out to the heads in turn, and take frequent
  /// keys for evenly spread ones.
  public init(candidates: [HeadPattern], choice: HeadChoice, shape: AttentionShape) {
    precondition(!candidates.isEmpty, "there must be something to choose")
    precondition(
      candidates.allSatisfy { $0.frequent == nil || $0.bias == .none },
      "no bias is known for frequent keys")
    self.candidates = candidates
    self.choice = choice
    ofHead = (0..<shape.queryHeads).map { $0 % candidates.count }
    patterns = candidates
    pairs = []
    let spread = (0..<choice.frequentCount).map { $0 * shape.keyLength / choice.frequentCount }
    show(candidates.map { _ in spread }, shape: shape)
    pairs = Self.pairs(patterns, summaries, shape: shape)
  }

  /// Gives `patterns` the frequent keys of each as summaries of one key.
  private mutating func show(_ frequent: [[Int]], shape: AttentionShape) {
    guard patterns.contains(where: { $0.frequent != nil }) else { return }
    var groups: [[Range<Int>]] = []
    frequentRowsOfPattern = []
    for index in patterns.indices {
      let before = groups.count
      patterns[index] = patterns[index].showing(frequent[index], groups: &groups, shape: shape)
      frequentRowsOfPattern.append(groups.count - before)
    }
    summaries = KeySummaries(groups: SpanTable(groups), weighsAsGroup: false)
  }

  /// Attended pairs of one head of each pattern.
  private static func pairs(
    _ patterns: [HeadPattern], _ summaries: KeySummaries?, shape: AttentionShape
  ) -> [Int] {
    let count = summaries?.groups.count ?? 0
    return patterns.map { pattern in
      pattern.keys.attendedPairs(queryLength: shape.queryLength, keyLength: shape.keyLength)
        + (pattern.summaries?.attendedPairs(queryLength: shape.queryLength, keyLength: count) ?? 0)
    }
  }

  /// The same pattern for all heads.
  public init(_ pattern: HeadPattern, summaries: KeySummaries? = nil, shape: AttentionShape) {
    self.init(
      perHead: [HeadPattern](repeating: pattern, count: shape.queryHeads), summaries: summaries,
      shape: shape)
  }

  /// The same candidates, of which every head has picked the one at this index and found these
  /// keys frequent.
  func picking(_ indices: [Int], frequent: [[Int]], shape: AttentionShape) -> HeadPatterns {
    var copy = self
    copy.ofHead = indices
    guard let choice, choice.frequentCount > 0 else { return copy }
    copy.ofHead = Array(indices.indices)
    copy.patterns = indices.map { candidates[$0] }
    copy.show(frequent, shape: shape)
    copy.pairs = Self.pairs(copy.patterns, copy.summaries, shape: shape)
    return copy
  }

  /// Frequent keys of all query heads of one batch element that are gathered.
  var frequentRows: Int {
    guard !frequentRowsOfPattern.isEmpty else { return 0 }
    return ofHead.reduce(0) { $0 + frequentRowsOfPattern[$1] }
  }

  /// Whether a head sees keys that it finds in the data.
  public func picksFrequentKeys(head: Int) -> Bool { patterns[ofHead[head]].frequent != nil }

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
