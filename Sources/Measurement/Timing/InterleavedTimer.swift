// SPDX-License-Identifier: MIT

import Statistics

/// Times alternatives side by side: in every round each of them once, in random order.
///
/// Drift of the clock frequency, of temperature and of neighbours hits the partners of a round
/// alike and cancels in their ratio. Two alternatives make the adjacent pairs of an A/B timing.
public struct InterleavedTimer {
  private let plan: TimingPlan
  private let clock: any TimeSource
  private let disturbance: any DisturbanceSource
  private let yardstick: (any YardstickSource)?

  /// A block is never grown beyond this many calls.
  static let maximumCalls = 1 << 24

  public init(
    plan: TimingPlan = TimingPlan(),
    clock: any TimeSource = MonotonicClock(),
    disturbance: any DisturbanceSource = SystemDisturbance(),
    yardstick: (any YardstickSource)? = nil
  ) {
    self.plan = plan
    self.clock = clock
    self.disturbance = disturbance
    self.yardstick = yardstick
  }

  /// Times `alternatives` until the plan says to stop.
  ///
  /// Without `comparisons` every later alternative is compared with the first; a single one is
  /// timed until the interval of its median is narrow, relative to the median. `onRound` hears the
  /// samples so far after every round, outside the timed blocks.
  ///
  /// - Throws: `noAlternatives`, `duplicateAlternative`, `unknownAlternative` for a bad group,
  ///   `blockTooShort` if a closure takes no time.
  public func measure(
    _ alternatives: [TimedAlternative], comparisons: [TimingComparison]? = nil,
    onRound: (([[TimedSample]]) -> Void)? = nil
  ) throws(MeasurementError) -> InterleavedTiming {
    let pairs = try resolve(comparisons, among: alternatives)
    let begin = clock.monotonicNanoseconds()
    var calls: [Int] = []
    for alternative in alternatives { calls.append(try calibrate(alternative)) }
    let calibration = clock.monotonicNanoseconds() - begin
    var samples = alternatives.map { _ in
      var reserved: [TimedSample] = []
      reserved.reserveCapacity(plan.maximumRounds)
      return reserved
    }
    let stop = runRounds(
      of: alternatives, calls: calls, pairs: pairs, into: &samples, onRound: onRound)
    let timings = alternatives.indices.map { index in
      AlternativeTiming(
        name: alternatives[index].name, callsPerSample: calls[index], samples: samples[index],
        bootstrap: plan.bootstrap)
    }
    return InterleavedTiming(
      alternatives: timings, stop: stop, bootstrap: plan.bootstrap,
      calibrationNanoseconds: calibration)
  }

  private func runRounds(
    of alternatives: [TimedAlternative], calls: [Int], pairs: [(Int, Int)],
    into samples: inout [[TimedSample]], onRound: (([[TimedSample]]) -> Void)?
  ) -> StopReason {
    var generator = ResamplingGenerator(seed: plan.seed)
    var order = Array(alternatives.indices)
    let begin = clock.monotonicNanoseconds()
    var nextCheck = max(1, plan.minimumRounds)
    for round in 0..<max(1, plan.maximumRounds) {
      generator.shuffle(&order)
      for position in order.indices {
        let index = order[position]
        let sample = timeBlock(
          alternatives[index], calls: calls[index], round: round, position: position)
        samples[index].append(sample)
      }
      onRound?(samples)
      if round + 1 >= nextCheck {
        if isNarrow(samples, pairs: pairs) { return .targetReached }
        // A quarter more each time keeps the resampling a small share of the whole.
        nextCheck = max(round + 2, (round + 1) * 5 / 4)
      }
      let elapsed = clock.monotonicNanoseconds() - begin
      let limit = plan.timeLimit.nanoseconds
      // A few samples too little for an interval would be time spent for nothing.
      if elapsed >= limit, round + 1 >= fewestRounds || elapsed / 3 >= limit { return .timeLimit }
    }
    return .maximumRounds
  }

  /// Rounds that an interval needs.
  private var fewestRounds: Int { min(plan.minimumRounds, plan.bootstrap.minimumCount) }

  private func timeBlock(
    _ alternative: TimedAlternative, calls: Int, round: Int, position: Int
  ) -> TimedSample {
    alternative.prepare?()
    let first = yardstick?.read()
    let before = disturbance.read()
    let (wall, cpu) = time(alternative.body, calls: calls)
    let after = disturbance.read()
    let last = yardstick?.read()
    return TimedSample(
      round: round, position: position, calls: calls,
      nanosecondsPerCall: Double(wall) / Double(calls),
      threadCPUNanosecondsPerCall: Double(cpu) / Double(calls), disturbance: after.since(before),
      yardstick: first.flatMap { first in last.map { first.joined($0) } })
  }

  @inline(never)
  private func time(_ body: () -> Void, calls: Int) -> (wall: UInt64, cpu: UInt64) {
    let cpuBegin = clock.threadCPUNanoseconds()
    let begin = clock.monotonicNanoseconds()
    for _ in 0..<calls { body() }
    let end = clock.monotonicNanoseconds()
    let cpuEnd = clock.threadCPUNanoseconds()
    return (end - begin, cpuEnd - cpuBegin)
  }

  /// The calls that make a block long enough for the clock.
  private func calibrate(_ alternative: TimedAlternative) throws(MeasurementError) -> Int {
    let target = max(1, plan.minimumBlock.nanoseconds)
    // A first run is slower than those that follow, hardly by a factor of four: one call fills a
    // block, and neither warming up nor calibrating would tell more.
    if let known = alternative.callNanoseconds, known > 4 * Double(target) { return 1 }
    alternative.prepare?()
    // The first call faults pages in and trains predictors: it says little.
    _ = time(alternative.body, calls: 1)
    var calls = 1
    while true {
      alternative.prepare?()
      let wall = time(alternative.body, calls: calls).wall
      if wall >= target { return calls }
      guard calls < Self.maximumCalls else {
        guard wall > 0 else {
          throw .blockTooShort(name: alternative.name, calls: calls)
        }
        return calls
      }
      // A tenth beyond the estimate, and at least twice, so that the loop ends soon.
      let estimate = Double(calls) * Double(target) / Double(max(1, wall)) * 1.1
      calls = min(Self.maximumCalls, max(2 * calls, Int(min(estimate, 1e9).rounded(.up))))
    }
  }

  private func isNarrow(_ samples: [[TimedSample]], pairs: [(Int, Int)]) -> Bool {
    guard !pairs.isEmpty else {
      guard let sample = try? Sample(samples[0].map(\.nanosecondsPerCall)),
        let interval = plan.bootstrap.medianInterval(of: sample)
      else { return false }
      return interval.width <= plan.targetWidth * sample.median
    }
    return pairs.allSatisfy { top, bottom in
      let ratios = try? PairedRatios(
        evenPairs: samples[top], over: samples[bottom], atLeast: plan.bootstrap.minimumCount)
      guard let interval = ratios?.logInterval(plan.bootstrap) else { return false }
      return interval.width <= plan.targetWidth
    }
  }

  private func resolve(
    _ comparisons: [TimingComparison]?, among alternatives: [TimedAlternative]
  ) throws(MeasurementError) -> [(Int, Int)] {
    guard !alternatives.isEmpty else { throw .noAlternatives }
    let names = alternatives.map(\.name)
    for (index, name) in names.enumerated() where names.firstIndex(of: name) != index {
      throw .duplicateAlternative(name: name)
    }
    guard let comparisons else { return alternatives.indices.dropFirst().map { ($0, 0) } }
    var pairs: [(Int, Int)] = []
    for comparison in comparisons {
      guard let top = names.firstIndex(of: comparison.numerator) else {
        throw .unknownAlternative(name: comparison.numerator, known: names)
      }
      guard let bottom = names.firstIndex(of: comparison.denominator) else {
        throw .unknownAlternative(name: comparison.denominator, known: names)
      }
      pairs.append((top, bottom))
    }
    return pairs
  }
}
