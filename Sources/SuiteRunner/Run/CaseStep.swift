// SPDX-License-Identifier: MIT

import Measurement
import Statistics

/// How far the case in progress is, for who waits for it.
public enum CaseStep: Hashable, Sendable {
  case verifying
  /// One run at full size, and its distance from dense attention.
  case comparing
  /// `samples` of at most `limit` are taken; `nanoseconds` is their median so far, and `speedUp` the
  /// ratio of the baseline's median to it.
  case timing(samples: Int, limit: Int, nanoseconds: Double, speedUp: Double)
}

/// Tells about a timing a few times a second: more would not be read, and disturbs.
final class StepThrottle {
  private let limit: Int
  private let onStep: (CaseStep) -> Void
  private var last: ContinuousClock.Instant?
  private static let pause = Duration.milliseconds(250)

  init(plan: TimingPlan, onStep: @escaping (CaseStep) -> Void) {
    limit = plan.maximumRounds
    self.onStep = onStep
  }

  /// `samples` are those of the baseline and of the mechanism, in this order.
  func hear(_ samples: [[TimedSample]]) {
    let now = ContinuousClock.now
    if let last, last.duration(to: now) < Self.pause { return }
    last = now
    let medians = samples.prefix(2).compactMap { try? Sample($0.map(\.nanosecondsPerCall)).median }
    guard medians.count == 2, medians[1] > 0 else { return }
    onStep(
      .timing(
        samples: samples[1].count, limit: limit, nanoseconds: medians[1],
        speedUp: medians[0] / medians[1]))
  }
}
