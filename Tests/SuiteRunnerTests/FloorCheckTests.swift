// SPDX-License-Identifier: MIT

import ResultStore
import SuiteRunner
import Testing

struct FloorCheckTests {
  /// A floor of 4 ms on a host whose probe found 100 GFLOP/s.
  private func status(milliseconds: Double, peakBeside: Double?) -> CaseStatus {
    let time = milliseconds * 1e6
    let own = TimedAlternative(
      role: .mechanism, name: "flash", precision: "f32", samplesNanoseconds: [time],
      medianNanoseconds: time, madNanoseconds: 0,
      intervalNanoseconds: Interval(low: time, high: time), minNanoseconds: time,
      p90Nanoseconds: time, disturbed: 0, disturbedSamples: [], sharedCoreSamples: [],
      peaksGigaflopsPerSecond: [])
    let unknown = Quantity.absent(reason: "not needed")
    let timing = TimingRecord(
      alternatives: [own], speedUpOverFlash: .absent(reason: "not needed"),
      speedUpOverDense: .absent(reason: "not needed"), realisedShare: unknown,
      floorShare: unknown, flashFloorShare: unknown, gigaflopsPerSecond: unknown,
      adjacentPeakGigaflopsPerSecond: peakBeside.map { .value($0) } ?? unknown,
      shareOfPeak: unknown, cache: "warm", stop: "time limit")
    let host = MachineBound(
      machine: BoundsRecord.host, precision: "f32", densePrecision: "f32", roofline: .value(1),
      floorSeconds: .value(4e-3), denseFloorSeconds: .value(4e-3),
      bindingCeiling: .value("f32 products"), denseBindingCeiling: .value("f32 products"),
      unpriced: [])
    let bounds = BoundsRecord(
      flop: unknown, tile: unknown, worstTile: unknown, machines: [host])
    return FloorCheck(timing, bounds: bounds, probedPeak: 100e9).status
  }

  private func isRefuted(_ status: CaseStatus) -> Bool {
    if case .boundViolated = status { true } else { false }
  }

  @Test func aTimeBelowTheFloorRefutesTheModel() {
    #expect(isRefuted(status(milliseconds: 3.5, peakBeside: 100)))
    #expect(!isRefuted(status(milliseconds: 4.5, peakBeside: 100)))
    // The clock moves by a few percent.
    #expect(!isRefuted(status(milliseconds: 3.9, peakBeside: 100)))
  }

  @Test func aProbeOnASharedCoreRefutesNothing() {
    // Beside the samples the same core gave twice the rate: the floor is half of what was probed.
    #expect(!isRefuted(status(milliseconds: 2.5, peakBeside: 200)))
    #expect(isRefuted(status(milliseconds: 1.8, peakBeside: 200)))
  }

  @Test func aSlowerCoreOrNoneBesideTheSamplesChangesNothing() {
    #expect(isRefuted(status(milliseconds: 3.5, peakBeside: 60)))
    #expect(isRefuted(status(milliseconds: 3.5, peakBeside: nil)))
  }
}
