// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// Judges a selection against scores in Double, and makes one where none is given.
public enum SelectionReference {
  /// How scores decide.
  public enum Rule: Sendable {
    /// The highest scores, as many.
    case top(Int)
    /// The shortest descending prefix that holds at least this sum, one at least.
    case reaching(Double)
    /// The longest descending prefix that holds at most this sum, one at least.
    case within(Double)
    /// Everything above the value.
    case above(Double)
  }

  /// What one row unit may choose.
  public struct Row: Sendable {
    /// Scores of all candidates, by block.
    public var scores: [Int: Double]
    public var rule: Rule
    /// Blocks that are kept in any case; they may be candidates or not.
    public var forced: Set<Int>
    /// How far Float32 scores may be from these.
    public var tolerance: Double
    /// How far their sums may be; nil means as far as one score.
    public var sumTolerance: Double?

    public init(
      scores: [Int: Double], rule: Rule, forced: Set<Int> = [], tolerance: Double,
      sumTolerance: Double? = nil
    ) {
      self.scores = scores
      self.rule = rule
      self.forced = forced
      self.tolerance = tolerance
      self.sumTolerance = sumTolerance
    }

    /// Every block, whatever the scores.
    public static func everything(_ blocks: some Sequence<Int>) -> Row {
      Row(scores: [:], rule: .top(0), forced: Set(blocks), tolerance: 0)
    }
  }

  /// The blocks of one row unit, ties to the lower index.
  public static func choose(_ row: Row) -> Set<Int> {
    let ranked = row.scores.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    var count = 0
    switch row.rule {
    case .top(let wanted): count = max(wanted, 0)
    case .above(let least): count = ranked.count { $0.value > least }
    case .reaching(let sum):
      var total = 0.0
      while count < ranked.count, count == 0 || total < sum {
        total += ranked[count].value
        count += 1
      }
    case .within(let sum):
      var total = 0.0
      while count < ranked.count, total + ranked[count].value <= sum {
        total += ranked[count].value
        count += 1
      }
      count = max(count, 1)
    }
    return Set(ranked.prefix(count).map(\.key)).union(row.forced)
  }

  /// What is wrong with one row unit's choice, or nil.
  ///
  /// Scores closer than the tolerance are ties of Float32 rounding: either may be kept.
  public static func defect(chosen: Set<Int>, row: Row) -> String? {
    guard row.forced.isSubset(of: chosen) else {
      return "left out forced blocks \(row.forced.subtracting(chosen).sorted())"
    }
    // Forced blocks tell nothing about the rule, whether they compete or not.
    let free = chosen.subtracting(row.forced)
    guard free.isSubset(of: row.scores.keys) else { return "chose a block that is no candidate" }
    let lowest = free.compactMap { row.scores[$0] }.min() ?? .infinity
    let left = row.scores.filter { !chosen.contains($0.key) }
    let best = left.values.max() ?? -.infinity
    guard best <= lowest + row.tolerance else {
      return "left out a block that scores \(best) for one that scores \(lowest)"
    }
    return cutDefect(free: free, lowest: lowest, best: best, row)
  }

  /// Whether some cut through the scores explains the free choice.
  ///
  /// Forced candidates between the last one kept and the first one left out tell nothing about
  /// where the cut lies, so every place among them is tried.
  private static func cutDefect(
    free: Set<Int>, lowest: Double, best: Double, _ row: Row
  ) -> String? {
    let forced = row.scores.filter { row.forced.contains($0.key) }.values
    let certain =
      free.compactMap { row.scores[$0] } + forced.filter { $0 > lowest + row.tolerance }
    let open = forced.filter { $0 <= lowest + row.tolerance && $0 >= best - row.tolerance }
      .sorted(by: >)
    for count in 0...open.count {
      let kept = certain + open.prefix(count)
      let next = max(best, count < open.count ? open[count] : -.infinity)
      if explains(kept, next: next, row) { return nil }
    }
    return "\(row.rule) does not keep \(free.sorted()) beside \(row.forced.sorted()) "
      + "of scores \(row.scores.values.sorted(by: >).prefix(12))"
  }

  /// Whether the rule keeps scores of `kept` where the next one down is `next`.
  private static func explains(_ kept: [Double], next: Double, _ row: Row) -> Bool {
    let slack = row.tolerance
    let sumSlack = row.sumTolerance ?? slack
    let sum = kept.reduce(0, +)
    let last = kept.min() ?? .infinity
    let isEverything = next == -.infinity
    switch row.rule {
    case .top(let wanted): return kept.count == min(max(wanted, 0), row.scores.count)
    case .above(let least): return next <= least + slack && last > least - slack
    case .reaching(let needed):
      guard !kept.isEmpty || row.scores.isEmpty else { return false }
      return (isEverything || sum >= needed - sumSlack)
        && (kept.count <= 1 || sum - last < needed + sumSlack)
    case .within(let most):
      guard !kept.isEmpty || row.scores.isEmpty else { return false }
      return (kept.count <= 1 || sum <= most + sumSlack)
        && (isEverything || sum + next > most - sumSlack)
    }
  }

  /// `e^(scale (s - max))` of every score over the sum of `all`: softmax.
  public static func softmax(_ scores: [Int: Double], scale: Double) -> [Int: Double] {
    guard let top = scores.values.max(), top > -.infinity else {
      return scores.mapValues { _ in 0 }
    }
    let weights = scores.mapValues { Double.exp(scale * ($0 - top)) }
    let sum = weights.values.reduce(0, +)
    return weights.mapValues { $0 / sum }
  }
}
