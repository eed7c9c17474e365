// SPDX-License-Identifier: MIT

import Foundation
import Statistics

/// Times one piece of work against itself, to learn what a comparison on this machine can see.
///
/// Each trial makes one verdict in each of two ways: from adjacent pairs in random order, and from
/// the medians of two runs, one after the other. Both should find no difference at all.
public struct NoiseTest {
  /// How long and how often to try.
  public struct Plan: Hashable, Sendable {
    /// Pairs behind each verdict.
    public var pairs = 30
    public var minimumTrials = 5
    public var maximumTrials = 40
    /// Time after which no further trial begins.
    public var timeLimit: Duration = .seconds(15)
    public var minimumBlock: Duration = .milliseconds(1)
    public var seed: UInt64 = 0

    public init() {}
  }

  private let plan: Plan
  private let clock: any TimeSource
  private let disturbance: any DisturbanceSource

  public init(
    plan: Plan = Plan(), clock: any TimeSource = MonotonicClock(),
    disturbance: any DisturbanceSource = SystemDisturbance()
  ) {
    self.plan = plan
    self.clock = clock
    self.disturbance = disturbance
  }

  /// Tries `body`, which must allocate nothing.
  ///
  /// - Throws: ``MeasurementError/blockTooShort(name:calls:)``, or `StatisticsError` if a sample
  ///   took no time.
  public func measure(name: String, body: @escaping () -> Void) throws -> NoiseReport {
    let begin = clock.monotonicNanoseconds()
    var trials: [NoiseTrial] = []
    for index in 0..<max(1, plan.maximumTrials) {
      trials.append(try trial(index, body: body))
      let elapsed = clock.monotonicNanoseconds() - begin
      if trials.count >= plan.minimumTrials, elapsed >= plan.timeLimit.nanoseconds { break }
      // Even the least number of trials ends in a bounded time.
      if elapsed >= 3 * plan.timeLimit.nanoseconds { break }
    }
    return NoiseReport(name: name, pairs: plan.pairs, trials: trials)
  }

  private func trial(_ index: Int, body: @escaping () -> Void) throws -> NoiseTrial {
    var timing = TimingPlan()
    timing.minimumBlock = plan.minimumBlock
    timing.minimumRounds = plan.pairs
    timing.maximumRounds = plan.pairs
    // A trial has a fixed number of pairs, whatever its interval.
    timing.targetWidth = 0
    timing.timeLimit = .seconds(3600)
    timing.seed = plan.seed &+ UInt64(index)
    let timer = InterleavedTimer(plan: timing, clock: clock, disturbance: disturbance)
    let paired = try timer.measure([
      TimedAlternative(name: "first", body: body), TimedAlternative(name: "second", body: body),
    ])
    let ratio = try paired.ratio(of: "second", to: "first")
    let before = try timer.measure([TimedAlternative(name: "alone", body: body)])
    let after = try timer.measure([TimedAlternative(name: "alone", body: body)])
    let separate = after.alternatives[0].summary.median / before.alternatives[0].summary.median
    let interval = ratio.interval
    return NoiseTrial(
      pairedError: log(ratio.median),
      pairedInterval: interval.map {
        Interval(log($0.lower), log($0.upper))
      },
      separateError: log(separate),
      nanosecondsPerCall: paired.alternatives[0].summary.median,
      disturbedShare: paired.alternatives.map(\.disturbedShare).max() ?? 0)
  }
}

/// One verdict on two equal things, in two ways; errors are logarithms of ratios.
public struct NoiseTrial: Hashable, Codable, Sendable {
  /// Median of the log-ratios of adjacent pairs; 0 would be right.
  public let pairedError: Double
  /// Its 95 % interval; nil for too few pairs.
  public let pairedInterval: Interval?
  /// Log-ratio of the medians of two runs, one after the other.
  public let separateError: Double
  public let nanosecondsPerCall: Double
  public let disturbedShare: Double

  public init(
    pairedError: Double, pairedInterval: Interval?, separateError: Double,
    nanosecondsPerCall: Double, disturbedShare: Double
  ) {
    self.pairedError = pairedError
    self.pairedInterval = pairedInterval
    self.separateError = separateError
    self.nanosecondsPerCall = nanosecondsPerCall
    self.disturbedShare = disturbedShare
  }
}
