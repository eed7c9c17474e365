// SPDX-License-Identifier: MIT

import Statistics

/// What a comparison of two runs says about one quantity of one case.
public enum Verdict: String, Hashable, Sendable, Codable, CaseIterable {
  /// The whole interval of the ratio lies beyond the threshold, on the good side.
  case faster
  /// The whole interval of the ratio lies beyond the threshold, on the bad side.
  case slower
  /// The whole interval of the ratio lies within the threshold.
  case same
  /// The interval crosses a threshold: more pairs are needed to tell.
  case ambiguous

  /// The verdict on the interval of `log(head / base)` of a quantity of which less is better.
  ///
  /// An end on the threshold counts as within it.
  public init(logInterval: Interval, threshold: Double) {
    if logInterval.lower > threshold {
      self = .slower
    } else if logInterval.upper < -threshold {
      self = .faster
    } else if logInterval.lower >= -threshold && logInterval.upper <= threshold {
      self = .same
    } else {
      self = .ambiguous
    }
  }
}

/// What is compared of a case; of all of them less is better.
public enum ComparedQuantity: String, Hashable, Sendable, Codable, CaseIterable {
  case time
  /// Operations and tiles that were counted: exact.
  case work
  /// Instructions that were counted exactly.
  case instructions
  /// Workspace bytes.
  case memory
  /// Distance from the mechanism's own definition and from dense attention.
  case error

  /// The verdict in words of this quantity.
  public func word(_ verdict: Verdict) -> String {
    switch (self, verdict) {
    case (_, .same): "SAME"
    case (_, .ambiguous): "AMBIGUOUS"
    case (.time, .faster): "FASTER"
    case (.time, .slower): "SLOWER"
    case (.work, .faster), (.instructions, .faster): "LESS WORK"
    case (.work, .slower), (.instructions, .slower): "MORE WORK"
    case (.memory, .faster): "SMALLER"
    case (.memory, .slower): "BIGGER"
    case (.error, .faster): "MORE EXACT"
    case (.error, .slower): "LESS EXACT"
    }
  }
}
