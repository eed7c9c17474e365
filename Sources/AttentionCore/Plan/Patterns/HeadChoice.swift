// SPDX-License-Identifier: MIT

/// How a head picks one of several patterns: by what they keep of a few sampled rows.
///
/// A selection holds the pattern's index in row 0 and, where keys may be frequent, those in row 1.
public struct HeadChoice: Hashable, Sendable {
  public enum Rule: Hashable, Sendable {
    /// The pattern whose rows differ least from the complete ones, as a mean square; ties go to the
    /// first.
    case leastError
    /// The first pattern that keeps this share of the weights, as a mean over rows; else the last.
    case firstKeeping(share: Double)
  }

  public let rule: Rule
  /// Queries whose rows are sampled.
  public let queries: [Int]
  /// What a complete row sees.
  public let complete: KeyPattern
  /// How many keys are frequent, which patterns may see beside their own.
  ///
  /// They have the largest weights, summed over the complete rows; of equal sums the lower ones.
  public let frequentCount: Int

  /// - Requires: a share to keep where there are frequent keys.
  public init(rule: Rule, queries: [Int], complete: KeyPattern, frequentCount: Int = 0) {
    precondition(
      frequentCount == 0 || rule != .leastError, "errors are not known of frequent keys")
    self.rule = rule
    self.queries = queries
    self.complete = complete
    self.frequentCount = frequentCount
  }

  /// The work of choosing for all heads of `shape`.
  func work(candidates: [HeadPattern], shape: AttentionShape) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    let complete = pairs(complete, shape)
    var products = 2 * complete * shape.headDim
    var sums = 0
    for candidate in candidates {
      let kept = pairs(candidate.keys, shape)
      sums += kept
      if rule == .leastError { products += 2 * kept * shape.valueDim }
      if frequentCount > 0, let view = candidate.frequent { sums += pairs(view.visible, shape) }
    }
    if frequentCount > 0 { sums += complete + shape.keyLength }
    if rule == .leastError { products += 2 * complete * shape.valueDim }
    return StageWork(
      name: "choose patterns",
      operations: OperationCounts([
        .float32: heads * products, .exponential: heads * complete, .elementwise: heads * sums,
      ]),
      bytesRead: 0, bytesWritten: 4 * heads, parallelUnits: heads * max(queries.count, 1))
  }

  private func pairs(_ pattern: KeyPattern, _ shape: AttentionShape) -> Int {
    queries.reduce(0) {
      $0 + KeySpans.count(pattern.spans(of: $1, keyLength: shape.keyLength))
    }
  }
}

extension Attend {
  /// The choice among patterns, if there is one.
  func choosing(shape: AttentionShape) -> [StageWork] {
    guard case .patterns(let heads) = rule, let choice = heads.choice else { return [] }
    return [choice.work(candidates: heads.candidates, shape: shape)]
      + gathering(heads, shape: shape)
  }

  /// What an engine must count when heads have chosen: one schedule per head of the whole batch.
  public func expectedCounts(
    schedules: HeadSchedules, chosen: Selection, shape: AttentionShape
  ) -> EngineCounts {
    let each = schedules.schedules.map { counts(of: $0, queryReads: true, shape: shape) }
    var sum = EngineCounts()
    guard case .patterns(let heads) = rule, let choice = heads.choice else { return sum }
    for head in 0..<shape.batch * shape.queryHeads {
      for pattern in chosen.blocks(head: head, row: 0) {
        sum += each[pattern]
        guard choice.frequentCount > 0 else { continue }
        sum += frequentCounts(
          heads.candidates[pattern], keys: chosen.blocks(head: head, row: 1),
          tile: schedules.schedules[pattern].tile, shape: shape)
      }
    }
    let rows = choice.queries.count + (choice.frequentCount > 0 ? 1 : 0)
    sum.elementsSorted += shape.batch * shape.queryHeads * rows * shape.keyLength
    return sum
  }
}
