// SPDX-License-Identifier: MIT

import Statistics

/// How long and how often a group of alternatives is timed.
public struct TimingPlan: Hashable, Sendable {
  /// A sample calls its closure so often that it takes at least this long.
  public var minimumBlock: Duration = .milliseconds(1)
  /// Timing stops when the confidence interval of every compared log-ratio is this narrow.
  public var targetWidth = 0.01
  /// Rounds before the width is first looked at.
  public var minimumRounds = 10
  /// Rounds after which timing stops in any case.
  public var maximumRounds = 1000
  /// Time after which no further round begins, calibration not included; stretched up to three times
  /// where fewer rounds were taken than an interval needs.
  public var timeLimit: Duration = .seconds(10)
  /// Seed of the order within each round and of the intervals.
  public var seed: UInt64 = 0
  /// Confidence of the intervals.
  public var confidence = 0.95
  /// Resamples behind each interval.
  public var resamples = 1000

  public init() {}

  /// The settings by which this plan draws its intervals.
  public var bootstrap: Bootstrap {
    Bootstrap(confidence: confidence, resamples: resamples, seed: seed)
  }
}

/// What ended a timing.
public enum StopReason: String, Hashable, Codable, Sendable {
  /// Every interval is at most as wide as the target.
  case targetReached
  case timeLimit
  case maximumRounds
}
