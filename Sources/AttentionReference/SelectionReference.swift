// SPDX-License-Identifier: MIT

import AttentionCore

/// Judges a selection against scores in Double.
public enum SelectionReference {
  /// What is wrong with one row's choice, or nil.
  ///
  /// The choice must have `min(count, candidates)` members and hold no candidate that scores below
  /// one left out by more than `tolerance`: scores closer than that are ties of Float32 rounding.
  public static func defect(
    chosen: Set<Int>, scores: [Int: Double], count: Int, tolerance: Double
  ) -> String? {
    let expected = min(count, scores.count)
    guard chosen.count == expected else {
      return "chose \(chosen.count) blocks, expected \(expected)"
    }
    guard chosen.isSubset(of: scores.keys) else {
      return "chose a block that is no candidate"
    }
    let lowest = chosen.compactMap { scores[$0] }.min() ?? .infinity
    let best = scores.filter { !chosen.contains($0.key) }.values.max() ?? -.infinity
    guard best <= lowest + tolerance else {
      return "left out a block that scores \(best) for one that scores \(lowest)"
    }
    return nil
  }
}
