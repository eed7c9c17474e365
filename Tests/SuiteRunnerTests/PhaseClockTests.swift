// SPDX-License-Identifier: MIT

import Measurement
import SuiteRunner
import Testing

/// A clock that a test moves.
private final class Hands: TimeSource {
  var now: UInt64 = 0
  func monotonicNanoseconds() -> UInt64 { now }
  func threadCPUNanoseconds() -> UInt64 { now }
}

@Suite struct PhaseClockTests {
  @Test func theInnermostPhaseOwnsAMoment() {
    let hands = Hands()
    let phases = PhaseClock(clock: hands)
    hands.now += 1_000_000_000
    phases.measure(.sampling) {
      hands.now += 2_000_000_000
      phases.measure(.inputs) { hands.now += 3_000_000_000 }
      hands.now += 4_000_000_000
    }
    let readings = phases.readings
    #expect(readings.seconds == [.sampling: 6, .inputs: 3])
    #expect(readings.wallSeconds == 10)
    #expect(readings.overheadShare == 1)
  }

  @Test func movedTimeCountsWhereItBelongs() {
    let hands = Hands()
    let phases = PhaseClock(clock: hands)
    phases.measure(.sampling) { hands.now += 10_000_000_000 }
    phases.move(8_000_000_000, from: .sampling, to: .timed)
    phases.move(50_000_000_000, from: .sampling, to: .calibration)
    let readings = phases.readings
    #expect(readings.seconds == [.sampling: 0, .timed: 8, .calibration: 2])
    #expect(abs(readings.overheadShare - 0.2) < 1e-12)
  }

  @Test func aCaseSeesOnlyItsOwnTime() {
    let hands = Hands()
    let phases = PhaseClock(clock: hands)
    phases.measure(.probe) { hands.now += 5_000_000_000 }
    let before = phases.readings
    phases.measure(.verification) { hands.now += 1_000_000_000 }
    let own = phases.readings.since(before)
    #expect(own.byName == ["verification": 1])
    #expect(own.wallSeconds == 1)
    #expect(own.overheadShare == 0)
  }

  @Test func aFailingPhaseIsLeft() {
    struct Failure: Error {}
    let hands = Hands()
    let phases = PhaseClock(clock: hands)
    #expect(throws: Failure.self) {
      try phases.measure(.probe) {
        hands.now += 1_000_000_000
        throw Failure()
      }
    }
    hands.now += 1_000_000_000
    #expect(phases.readings.seconds == [.probe: 1])
  }
}
