// SPDX-License-Identifier: MIT

import Foundation
import Measurement
import Testing

struct FitnessTests {
  /// Times one alternative for ten rounds of which the first `disturbed` are disturbed by `event`.
  private func timing(
    disturbed: Int, tellsWaiting: Bool = false, by event: @escaping (FakeDisturbance) -> Void
  ) throws -> AlternativeTiming {
    let clock = FakeClock()
    let disturbance = FakeDisturbance()
    if tellsWaiting { disturbance.waited = 0 }
    var calls = 0
    var plan = TimingPlan()
    plan.minimumRounds = 10
    plan.maximumRounds = 10
    let timer = InterleavedTimer(plan: plan, clock: clock, disturbance: disturbance)
    let work = TimedAlternative(name: "a") {
      calls += 1
      // The first two calls calibrate.
      if calls > 2 && calls <= 2 + disturbed { event(disturbance) }
      clock.work(1_000_000)
    }
    return try timer.measure([work]).alternatives[0]
  }

  @Test func switchesDuringASampleMarkItWhereWaitingIsUnknown() throws {
    let timing = try timing(disturbed: 2) { $0.switches += 3 }
    #expect(timing.samples.map(\.isDisturbed).prefix(3) == [true, true, false])
    #expect(timing.samples[0].involuntarySwitches == 3)
    #expect(timing.samples[0].waitedNanoseconds == nil)
    #expect(timing.disturbedShare == 0.2)
  }

  @Test func stolenTimeDuringASampleMarksIt() throws {
    let timing = try timing(disturbed: 1) { $0.stolen += 10_000_000 }
    #expect(timing.samples[0].stolenNanoseconds == 10_000_000)
    #expect(timing.samples[0].isDisturbed)
  }

  @Test func onlyWaitingThatCostsAHundredthMarksASample() throws {
    // A hundredth of the millisecond that a block takes here.
    for (waited, isDisturbed) in [(10_000, false), (10_001, true)] as [(UInt64, Bool)] {
      let timing = try timing(disturbed: 1, tellsWaiting: true) {
        $0.switches += 5
        $0.waited = ($0.waited ?? 0) + waited
      }
      #expect(timing.samples[0].isDisturbed == isDisturbed, "\(waited) ns")
    }
  }

  @Test func timingsSurviveEncoding() throws {
    let timing = try timing(disturbed: 3) { $0.switches += 1 }
    let data = try JSONEncoder().encode(timing)
    #expect(try JSONDecoder().decode(AlternativeTiming.self, from: data) == timing)
  }
}
