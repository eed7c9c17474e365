// SPDX-License-Identifier: MIT

import Measurement
import Testing

struct YardstickTests {
  private let clock = FakeClock()
  private let yardstick = FakeYardstick()

  private func timer(rounds: Int) -> InterleavedTimer {
    var plan = TimingPlan()
    plan.minimumRounds = rounds
    plan.maximumRounds = rounds
    return InterleavedTimer(
      plan: plan, clock: clock, disturbance: Undisturbed(), yardstick: yardstick)
  }

  @Test func readingsStandBeforeAndAfterEverySample() throws {
    let work = TimedAlternative(name: "a") { clock.work(1_000_000) }
    let samples = try timer(rounds: 8).measure([work]).alternatives[0].samples
    #expect(yardstick.reads == 16)
    // Readings 1 and 2 around the first sample, 3 and 4 around the second.
    #expect(samples.map(\.multiplyAddRate).prefix(2) == [1.5, 3.5])
    #expect(samples.allSatisfy { $0.issueShare == 1 && !$0.isCoreShared })
  }

  @Test func theLowerIssueShareMarksASample() throws {
    var calls = 0
    let work = TimedAlternative(name: "a") {
      calls += 1
      // Two calls calibrate; the neighbour comes during the first sample and stays for the second.
      yardstick.issueShare = calls == 3 || calls == 4 ? 0.8 : 1
      clock.work(1_000_000)
    }
    let samples = try timer(rounds: 8).measure([work]).alternatives[0].samples
    #expect(samples.map(\.isCoreShared).prefix(4) == [true, true, true, false])
    #expect(samples.map(\.issueShare).prefix(4) == [0.8, 0.8, 0.8, 1])
  }

  @Test func pairsOfWhichOnePartnerSharedItsCoreAreLeftOut() throws {
    func samples(_ value: Double, shared: Set<Int>) -> [TimedSample] {
      (0..<20).map { round in
        TimedSample(
          round: round, position: 0, calls: 1,
          nanosecondsPerCall: shared.contains(round) ? value * 1.5 : value,
          threadCPUNanosecondsPerCall: value, disturbance: Undisturbed().read(),
          yardstick: YardstickReading(
            multiplyAddRate: nil, issueShare: shared.contains(round) ? 0.9 : 0.99))
      }
    }
    let timing = InterleavedTiming(
      alternatives: [
        AlternativeTiming(
          name: "a", callsPerSample: 1, samples: samples(100, shared: Set(0..<11))),
        AlternativeTiming(name: "b", callsPerSample: 1, samples: samples(100, shared: [0])),
      ], stop: .targetReached)
    let ratio = try timing.ratio(of: "a", to: "b")
    // Round 0 hit both; rounds 1 to 10 hit one and would have made the ratio 1.5.
    #expect(ratio.pairs == 10)
    #expect(abs(ratio.median - 1) < 1e-12)
  }

  @Test func whatWasNotReadMarksNothing() {
    let sample = TimedSample(
      round: 0, position: 0, calls: 1, nanosecondsPerCall: 1, threadCPUNanosecondsPerCall: 1,
      disturbance: Undisturbed().read())
    #expect(sample.multiplyAddRate == nil && sample.issueShare == nil && !sample.isCoreShared)
  }
}
