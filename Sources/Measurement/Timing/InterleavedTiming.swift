// SPDX-License-Identifier: MIT

import Statistics

/// All samples of one alternative and their summary.
public struct AlternativeTiming: Hashable, Codable, Sendable {
  public let name: String
  /// Calls in each block; times are per call.
  public let callsPerSample: Int
  /// Every sample, in the order of the rounds; disturbed ones included.
  public let samples: [TimedSample]
  /// Wall time per call in nanoseconds, over all samples.
  public let summary: SampleSummary
  /// Thread CPU time per call in nanoseconds, over all samples.
  public let threadCPUSummary: SampleSummary
  /// Share of the samples during which something else used the CPU.
  public let disturbedShare: Double

  /// Summarises `samples`, of which there is at least one and whose times are finite.
  public init(
    name: String, callsPerSample: Int, samples: [TimedSample], bootstrap: Bootstrap = Bootstrap()
  ) {
    precondition(!samples.isEmpty, "every alternative is timed at least once")
    self.name = name
    self.callsPerSample = callsPerSample
    self.samples = samples
    summary = Self.summary(of: samples.map(\.nanosecondsPerCall), bootstrap)
    threadCPUSummary = Self.summary(of: samples.map(\.threadCPUNanosecondsPerCall), bootstrap)
    disturbedShare = Double(samples.count { $0.isDisturbed }) / Double(samples.count)
  }

  private static func summary(of values: [Double], _ bootstrap: Bootstrap) -> SampleSummary {
    guard let sample = try? Sample(values) else {
      preconditionFailure("times of samples are finite")
    }
    return SampleSummary(of: sample, bootstrap: bootstrap)
  }
}

/// What an ``InterleavedTimer`` found.
public struct InterleavedTiming: Hashable, Codable, Sendable {
  /// One entry per alternative, in the order given.
  public let alternatives: [AlternativeTiming]
  /// Why timing ended.
  public let stop: StopReason
  /// How the intervals were drawn.
  public let bootstrap: Bootstrap
  /// Wall time of the calls that found the block lengths; they are no samples.
  public let calibrationNanoseconds: UInt64
  /// Samples of one alternative without the others; nil if none were taken.
  public let alone: AlternativeTiming?

  public init(
    alternatives: [AlternativeTiming], stop: StopReason, bootstrap: Bootstrap = Bootstrap(),
    calibrationNanoseconds: UInt64 = 0, alone: AlternativeTiming? = nil
  ) {
    self.alternatives = alternatives
    self.stop = stop
    self.bootstrap = bootstrap
    self.calibrationNanoseconds = calibrationNanoseconds
    self.alone = alone
  }

  /// The same timing with the samples of `timing`, which holds one alternative.
  public func with(alone timing: InterleavedTiming) -> Self {
    Self(
      alternatives: alternatives, stop: stop, bootstrap: bootstrap,
      calibrationNanoseconds: calibrationNanoseconds + timing.calibrationNanoseconds,
      alone: timing.alternatives.first)
  }

  /// The rounds of several timings of the same alternatives, one after the other.
  ///
  /// The timings may come from other processes, which found block lengths of their own; the times
  /// are per call in any case. It stopped for the least satisfying of their reasons.
  ///
  /// - Throws: ``MeasurementError/noAlternatives`` for no timing, `unknownAlternative` if one lacks
  ///   an alternative of the first.
  public init(joining timings: [InterleavedTiming]) throws(MeasurementError) {
    guard let first = timings.first else { throw .noAlternatives }
    var alternatives: [AlternativeTiming] = []
    for alternative in first.alternatives {
      var parts: [AlternativeTiming] = []
      for timing in timings { parts.append(try timing.timing(of: alternative.name)) }
      alternatives.append(Self.joined(parts, like: alternative, first.bootstrap))
    }
    let reasons: [StopReason] = [.timeLimit, .maximumRounds, .targetReached]
    let stop = reasons.first { reason in timings.contains { $0.stop == reason } }
    self.init(
      alternatives: alternatives, stop: stop ?? first.stop, bootstrap: first.bootstrap,
      calibrationNanoseconds: timings.reduce(0) { $0 + $1.calibrationNanoseconds },
      alone: first.alone.map { alone in
        Self.joined(timings.compactMap(\.alone), like: alone, first.bootstrap)
      })
  }

  /// The samples of `parts`, one after the other.
  private static func joined(
    _ parts: [AlternativeTiming], like first: AlternativeTiming, _ bootstrap: Bootstrap
  ) -> AlternativeTiming {
    let samples = parts.flatMap(\.samples).enumerated().map { index, sample in
      sample.inRound(index)
    }
    return AlternativeTiming(
      name: first.name, callsPerSample: first.callsPerSample, samples: samples,
      bootstrap: bootstrap)
  }

  /// Wall time inside the timed blocks of all alternatives.
  public var timedNanoseconds: UInt64 {
    (alternatives + [alone].compactMap { $0 }).reduce(0) { sum, alternative in
      let perCall = alternative.samples.reduce(0) { $0 + $1.nanosecondsPerCall }
      return sum + UInt64(perCall * Double(alternative.callsPerSample))
    }
  }

  /// Rounds that were timed.
  public var rounds: Int { alternatives.first?.samples.count ?? 0 }

  /// The timing of one alternative.
  ///
  /// - Throws: `unknownAlternative` if there is none of that name.
  public func timing(of name: String) throws(MeasurementError) -> AlternativeTiming {
    guard let timing = alternatives.first(where: { $0.name == name }) else {
      throw .unknownAlternative(name: name, known: alternatives.map(\.name))
    }
    return timing
  }

  /// The time of one alternative over that of another, from the even pairs of all rounds.
  ///
  /// Rounds in which others disturbed one partner alone, or shared its core, are left out, unless
  /// too few remain for an interval.
  ///
  /// - Throws: `unknownAlternative` if a name is not in the group, `StatisticsError` if a sample
  ///   took no time at all.
  public func ratio(of numerator: String, to denominator: String) throws -> TimeRatio {
    let pairs = try PairedRatios(
      evenPairs: timing(of: numerator).samples, over: timing(of: denominator).samples,
      atLeast: bootstrap.minimumCount)
    return TimeRatio(
      comparison: TimingComparison(numerator, over: denominator), median: pairs.median,
      interval: pairs.interval(bootstrap), pairs: pairs.count)
  }
}

extension PairedRatios {
  /// The ratios of rounds in which neither partner was disturbed nor shared its core, or both; of
  /// all rounds if those are fewer than `count`.
  ///
  /// The order within a round is random, so that leaving out those of which one partner alone was
  /// disturbed shifts nothing.
  init(
    evenPairs top: [TimedSample], over bottom: [TimedSample], atLeast count: Int
  ) throws(StatisticsError) {
    let even = zip(top, bottom).filter {
      $0.isDisturbed == $1.isDisturbed && $0.isCoreShared == $1.isCoreShared
    }
    let pairs = even.count >= count ? even : Array(zip(top, bottom))
    try self.init(
      numerators: pairs.map(\.0.nanosecondsPerCall),
      denominators: pairs.map(\.1.nanosecondsPerCall))
  }
}

/// A ratio of times with its interval; below 1 the numerator is faster.
public struct TimeRatio: Hashable, Codable, Sendable {
  public let comparison: TimingComparison
  /// `exp` of the median log-ratio of adjacent pairs.
  public let median: Double
  /// Bootstrap interval of the median; nil for too few pairs.
  public let interval: Interval?
  public let pairs: Int

  /// How many times faster the numerator is: the inverse ratio.
  public var speedup: Double { 1 / median }
}
