// SPDX-License-Identifier: MIT

import Measurement
import Statistics
import Testing

struct NoiseTests {
  private func plan() -> NoiseTest.Plan {
    var plan = NoiseTest.Plan()
    plan.pairs = 20
    plan.minimumTrials = 3
    plan.maximumTrials = 6
    return plan
  }

  @Test func aSteadyClockSeesTheSmallestChange() throws {
    let clock = FakeClock()
    let report = try NoiseTest(plan: plan(), clock: clock, disturbance: Undisturbed())
      .measure(name: "steady") { clock.work(1_000_000) }
    #expect(report.trials.count == 6)
    #expect(report.paired.worst == 0 && report.separate.worst == 0)
    #expect(report.smallestVisibleChange == 0)
    #expect(report.isFit)
  }

  /// The clock drifts by one per mille with each call: pairs see it cancel, separate runs do not.
  @Test func driftSpoilsSeparateRunsAndNotPairs() throws {
    let clock = FakeClock()
    var duration = 1_000_000.0
    let report = try NoiseTest(plan: plan(), clock: clock, disturbance: Undisturbed())
      .measure(name: "drifting") {
        clock.work(UInt64(duration))
        duration *= 1.001
      }
    // Twenty rounds of one call lie between the medians of separate runs: about 2 %.
    #expect(report.separate.mean > 0.015)
    #expect(report.paired.mean < 0.0015)
    #expect(report.smallestVisibleChange < report.smallestSeparateChange)
  }

  @Test func theTimeLimitEndsTheTrials() throws {
    let clock = FakeClock()
    var plan = plan()
    plan.maximumTrials = 1000
    plan.timeLimit = .milliseconds(1)
    let report = try NoiseTest(plan: plan, clock: clock, disturbance: Undisturbed())
      .measure(name: "short") { clock.work(2_000_000) }
    // The least number of trials would take many times the limit.
    #expect(report.trials.count == 1)
  }

  @Test func switchesThatCostNothingLeaveTheMachineFit() throws {
    let clock = FakeClock()
    let disturbance = FakeDisturbance()
    let report = try NoiseTest(plan: plan(), clock: clock, disturbance: disturbance)
      .measure(name: "busy") {
        clock.work(1_000_000)
        disturbance.switches += 1
      }
    #expect(report.disturbedShare == 1)
    #expect(report.isFit)
  }

  @Test func timesThatScatterMakeTheMachineUnfit() throws {
    let clock = FakeClock()
    var generator = ResamplingGenerator(seed: 3)
    let report = try NoiseTest(plan: plan(), clock: clock, disturbance: Undisturbed())
      .measure(name: "drowned") {
        clock.work(UInt64(1_000_000 + generator.index(below: 1_000_000)))
      }
    #expect(report.smallestVisibleChange > 0.03)
    #expect(!report.isFit)
  }

  @Test func theVisibleChangeCoversErrorAndInterval() {
    func trial(_ error: Double, _ low: Double, _ high: Double) -> NoiseTrial {
      NoiseTrial(
        pairedError: error, pairedInterval: Interval(low, high), separateError: -0.05,
        nanosecondsPerCall: 1, disturbedShare: 0)
    }
    let report = NoiseReport(
      name: "x", pairs: 10, trials: [trial(0.01, -0.01, 0.03), trial(0.01, 0.002, 0.018)])
    #expect(report.falseAlarms == 1)
    // The wider trial needs 0.01 + 0.02; the quantile lies just below it.
    #expect(report.smallestVisibleChange > 0.028 && report.smallestVisibleChange < 0.0305)
    // exp(0.05) - 1, the same whichever run was slower.
    #expect(abs(report.separate.worst - 0.051271) < 1e-6)
  }
}

struct JoinedTimingTests {
  private func timing(_ values: [Double], stop: StopReason) -> InterleavedTiming {
    func alternative(_ name: String, _ factor: Double) -> AlternativeTiming {
      AlternativeTiming(
        name: name, callsPerSample: 2,
        samples: values.enumerated().map { index, value in
          TimedSample(
            round: index, position: 0, calls: 2, nanosecondsPerCall: value * factor,
            threadCPUNanosecondsPerCall: value, disturbance: Undisturbed().read())
        })
    }
    return InterleavedTiming(
      alternatives: [alternative("a", 1), alternative("b", 2)], stop: stop,
      calibrationNanoseconds: 5)
  }

  @Test func roundsOfSeveralProcessesFollowEachOther() throws {
    let joined = try InterleavedTiming(joining: [
      timing([10, 20], stop: .targetReached), timing([30], stop: .timeLimit),
    ])
    #expect(joined.rounds == 3)
    let samples = try joined.timing(of: "b").samples
    #expect(samples.map(\.round) == [0, 1, 2])
    #expect(samples.map(\.nanosecondsPerCall) == [20, 40, 60])
    #expect(joined.stop == .timeLimit)
    #expect(joined.calibrationNanoseconds == 10)
    // Two calls in each sample: 2 * (10 + 20 + 30) * 3.
    #expect(joined.timedNanoseconds == 360)
    #expect(abs(try joined.ratio(of: "b", to: "a").median - 2) < 1e-12)
  }

  @Test func timingsOfDifferentThingsAreNotJoined() {
    let other = InterleavedTiming(
      alternatives: [
        AlternativeTiming(
          name: "c", callsPerSample: 1,
          samples: [
            TimedSample(
              round: 0, position: 0, calls: 1, nanosecondsPerCall: 1,
              threadCPUNanosecondsPerCall: 1, disturbance: Undisturbed().read())
          ])
      ], stop: .timeLimit)
    #expect(throws: MeasurementError.self) {
      try InterleavedTiming(joining: [timing([1], stop: .timeLimit), other])
    }
    #expect(throws: MeasurementError.noAlternatives) { try InterleavedTiming(joining: []) }
  }
}

struct AllocationCountTests {
  /// A lower bound alone: other tests allocate at the same time.
  ///
  /// That kernels allocate nothing is tested by the command, in a process of its own.
  @Test(
    .enabled(
      if: AllocationCount.during {} != nil, "allocations are counted with glibc, unsanitised"))
  func everyArrayIsSeen() throws {
    var kept: [[Int]] = []
    let count = try #require(
      AllocationCount.during {
        for size in 1...10 { kept.append(Array(repeating: size, count: 1000)) }
      })
    #expect(kept.count == 10)
    #expect(count >= 10)
  }
}
