// SPDX-License-Identifier: MIT

import Measurement
import Testing

struct InterleavedTimerTests {
  private let clock = FakeClock()
  private let disturbance = FakeDisturbance()

  private func timer(_ adjust: (inout TimingPlan) -> Void = { _ in }) -> InterleavedTimer {
    var plan = TimingPlan()
    plan.minimumRounds = 6
    plan.maximumRounds = 20
    adjust(&plan)
    return InterleavedTimer(plan: plan, clock: clock, disturbance: disturbance)
  }

  private func work(_ name: String, _ nanoseconds: UInt64) -> TimedAlternative {
    TimedAlternative(name: name) { clock.work(nanoseconds) }
  }

  @Test func blocksLastAtLeastTheMinimum() throws {
    let timing = try timer().measure([work("short", 300), work("long", 5_000_000)])
    let short = try timing.timing(of: "short")
    #expect(short.callsPerSample * 300 >= 1_000_000)
    #expect(short.callsPerSample * 300 < 1_200_000)
    #expect(try timing.timing(of: "long").callsPerSample == 1)
  }

  @Test func longCallsThatWereTimedBeforeNeedNoCalibration() throws {
    func calls(about nanoseconds: Double?) throws -> (Int, calibration: UInt64) {
      var count = 0
      let work = TimedAlternative(name: "a", about: nanoseconds) {
        count += 1
        clock.work(3_000_000)
      }
      let timing = try timer().measure([work])
      #expect(timing.alternatives[0].callsPerSample == 1)
      return (count, timing.calibrationNanoseconds)
    }
    let known = try calls(about: 4_000_001)
    let unknown = try calls(about: nil)
    #expect(known.calibration == 0 && unknown.calibration == 6_000_000)
    #expect(unknown.0 == known.0 + 2)
    // A first run that seems hardly longer than a block may be far from the next.
    #expect(try calls(about: 4_000_000) == unknown)
  }

  @Test func timesArePerCall() throws {
    let timing = try timer().measure([work("a", 700)])
    #expect(timing.alternatives[0].summary.median == 700)
    #expect(timing.alternatives[0].threadCPUSummary.median == 700)
    #expect(timing.alternatives[0].summary.medianAbsoluteDeviation == 0)
  }

  @Test func waitingShowsInWallTimeOnly() throws {
    let sleepy = TimedAlternative(name: "sleepy") {
      clock.work(1_000_000)
      clock.wait(500_000)
    }
    let timing = try timer().measure([sleepy]).alternatives[0]
    #expect(timing.summary.median == 1_500_000)
    #expect(timing.threadCPUSummary.median == 1_000_000)
  }

  @Test func steadyWorkStopsAtTheFirstCheck() throws {
    let timing = try timer().measure([work("a", 2_000_000), work("b", 1_000_000)])
    #expect(timing.stop == .targetReached)
    #expect(timing.rounds == 6)
    let ratio = try timing.ratio(of: "b", to: "a")
    // One logarithm, one exponential.
    #expect(abs(ratio.median - 0.5) < 1e-15)
    #expect(abs(ratio.speedup - 2) < 1e-14)
    #expect(ratio.pairs == 6)
  }

  @Test func noisyRatiosRunToTheMaximum() throws {
    var call = 0
    let noisy = TimedAlternative(name: "noisy") {
      call += 1
      clock.work(call.isMultiple(of: 2) ? 1_000_000 : 2_000_000)
    }
    let timing = try timer().measure([work("a", 1_000_000), noisy])
    #expect(timing.stop == .maximumRounds)
    #expect(timing.rounds == 20)
  }

  @Test(arguments: [(40, 8), (25, 6), (5, 3)])
  func timingEndsAtTheTimeLimit(milliseconds: Int64, rounds: Int) throws {
    let slow = timer { plan in
      plan.timeLimit = .milliseconds(milliseconds)
      plan.minimumRounds = 100
      plan.maximumRounds = 1000
    }
    // A round takes 5 ms. Six give an interval, for which the limit is stretched up to three times.
    let timing = try slow.measure([work("a", 2_000_000), work("b", 3_000_000)])
    #expect(timing.stop == .timeLimit)
    #expect(timing.rounds == rounds)
  }

  @Test func everyRoundIsHeardWithAllSamplesSoFar() throws {
    var heard: [[Int]] = []
    let timing = try timer { $0.maximumRounds = 4 }
      .measure([work("a", 1_000_000), work("b", 2_000_000)]) { samples in
        heard.append(samples.map(\.count))
      }
    #expect(heard == (1...timing.rounds).map { [$0, $0] })
  }

  @Test func tooFewRoundsNeverCountAsNarrow() throws {
    let timing = try timer {
      $0.minimumRounds = 1
      $0.maximumRounds = 4
    }.measure([work("a", 1_000_000), work("b", 1_000_000)])
    #expect(timing.stop == .maximumRounds)
    #expect(try timing.ratio(of: "b", to: "a").interval == nil)
  }

  @Test func everyRoundHoldsEachAlternativeOnceInRandomOrder() throws {
    var order: [String] = []
    let names = ["a", "b", "c"]
    let alternatives = names.map { name in
      TimedAlternative(name: name, prepare: { order.append(name) }) { clock.work(1_000_000) }
    }
    let timing = try timer().measure(alternatives)
    // Two preparations of each belong to the calibration.
    let rounds = order.dropFirst(6)
    #expect(rounds.count == 3 * timing.rounds)
    var seen: Set<[String]> = []
    for round in 0..<timing.rounds {
      let names = Array(rounds.dropFirst(3 * round).prefix(3))
      #expect(names.sorted() == ["a", "b", "c"])
      for (position, name) in names.enumerated() {
        #expect(try timing.timing(of: name).samples[round].position == position)
        #expect(try timing.timing(of: name).samples[round].round == round)
      }
      seen.insert(names)
    }
    #expect(seen.count > 1)
  }

  @Test func theSeedDecidesTheOrder() throws {
    func positions(seed: UInt64) throws -> [Int] {
      let group = timer {
        $0.seed = seed
        $0.minimumRounds = 20
      }
      let timing = try group.measure([work("a", 1_000_000), work("b", 1_000_000)])
      return timing.alternatives[0].samples.map(\.position)
    }
    #expect(try positions(seed: 1) == positions(seed: 1))
    #expect(try positions(seed: 1) != positions(seed: 2))
  }

  @Test func driftSharedByARoundCancelsInTheRatio() throws {
    var factor: UInt64 = 1_000_000
    func drifting(_ name: String, _ share: UInt64) -> TimedAlternative {
      TimedAlternative(name: name) {
        clock.work(factor * share)
        factor += 1_000
      }
    }
    let timing = try timer().measure([drifting("a", 2), drifting("b", 3)])
    let ratio = try timing.ratio(of: "b", to: "a")
    // Neighbours differ by one step of 0.1 %.
    #expect(abs(ratio.median - 1.5) < 1.5 * 0.001)
    #expect(timing.stop == .targetReached)
  }

  @Test func comparisonsDecideWhatMustBeNarrow() throws {
    var call = 0
    let noisy = TimedAlternative(name: "noisy") {
      call += 1
      clock.work(call.isMultiple(of: 2) ? 1_000_000 : 2_000_000)
    }
    let timing = try timer().measure(
      [noisy, work("a", 1_000_000), work("b", 3_000_000)],
      comparisons: [TimingComparison("b", over: "a")])
    #expect(timing.stop == .targetReached)
  }

  @Test func badGroupsAreRefused() {
    #expect(throws: MeasurementError.noAlternatives) { try timer().measure([]) }
    #expect(throws: MeasurementError.duplicateAlternative(name: "a")) {
      try timer().measure([work("a", 1), work("a", 1)])
    }
    #expect(throws: MeasurementError.unknownAlternative(name: "c", known: ["a"])) {
      try timer().measure([work("a", 1)], comparisons: [TimingComparison("c", over: "a")])
    }
  }

  @Test func workThatTakesNoTimeIsRefused() {
    let nothing = TimedAlternative(name: "nothing") {}
    #expect(throws: MeasurementError.blockTooShort(name: "nothing", calls: 1 << 24)) {
      try timer().measure([nothing])
    }
  }

  @Test func aPlantedSlowdownIsAFractionOfTheCall() throws {
    // The spin needs a clock that moves by being read.
    let ticking = TickingClock()
    var plan = TimingPlan()
    plan.maximumRounds = 6
    let timer = InterleavedTimer(plan: plan, clock: ticking, disturbance: Undisturbed())
    let work = TimedAlternative(name: "plain") { ticking.now += 2_000_000 }
    let slow = TimedAlternative(name: "slow") { ticking.now += 2_000_000 }
      .slowed(by: 0.05, clock: ticking)
    let ratio = try timer.measure([work, slow]).ratio(of: "slow", to: "plain")
    // 10 ns per clock read on 2 ms.
    #expect(abs(ratio.median - 1.05) < 1e-4)
  }
}

/// A clock that moves by 10 ns whenever it is read.
private final class TickingClock: TimeSource {
  var now: UInt64 = 0

  func monotonicNanoseconds() -> UInt64 {
    now += 10
    return now
  }

  func threadCPUNanoseconds() -> UInt64 { now }
}
