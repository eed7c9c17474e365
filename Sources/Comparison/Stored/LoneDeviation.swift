// SPDX-License-Identifier: MIT

import Statistics

/// By how much the ratios of one or two runs may differ from those of others, which they do not show.
struct LoneDeviation {
  /// Standard deviation of the logarithm of a case's ratio between runs.
  let value: Double
  private let source: String

  /// Cases from which the spread between two sides is told.
  private static let enoughCases = 10
  /// Never assumed to be below this, however well two runs agree.
  private static let least = 0.003

  /// Takes the deviation between the runs of a side that has several, else the spread between the
  /// sides over many cases, most of which did not change; else `assumed`.
  init(base: StoredRuns, head: StoredRuns, assumed: Double) {
    if let found = [base.deviationOfRuns, head.deviationOfRuns].compactMap({ $0 }).max() {
      value = max(found, Self.least)
      source = "was found between the runs of a side"
    } else if let found = Self.spread(base: base, head: head) {
      value = max(found, Self.least)
      source = "follows from the spread between the two sides over all cases"
    } else {
      value = assumed
      source = "is assumed; give three runs or more on each side, or use 'attnbench ab'"
    }
  }

  var text: String {
    "one or two runs do not show how runs differ: a deviation of \(PercentText.plain(value)) "
      + source
  }

  /// The deviation of one side, from the median distance of the changes from their median.
  private static func spread(base: StoredRuns, head: StoredRuns) -> Double? {
    let changes = base.caseIDs.compactMap { id -> Double? in
      guard let left = base.record(of: id), let right = head.record(of: id),
        left.mechanism.id != "flash",
        StoredComparison.difference(base: left, head: right) == nil,
        let before = try? NestedSample(base.pairs(of: id).map(\.logRatios)),
        let after = try? NestedSample(head.pairs(of: id).map(\.logRatios))
      else { return nil }
      return after.centre - before.centre
    }
    guard changes.count >= enoughCases, let sample = try? Sample(changes) else { return nil }
    // 1.4826 makes the MAD of normal values their deviation; two sides share it in squares.
    return 1.4826 * sample.medianAbsoluteDeviation / 2.0.squareRoot()
  }
}
