// SPDX-License-Identifier: MIT

import ResultStore

/// The falsifier: no run can be faster than its own roofline floor.
///
/// A ratio of two floors does not bound a measured ratio, since dense attention may reach less of
/// its roof than the mechanism does of its own. What refutes the model is a measured time below the
/// floor of the same mechanism on the same host, beyond the interval of the measurement.
package struct FloorCheck {
  package let status: CaseStatus

  /// Roofs move with the clock by a few percent between the probe and the case.
  private static let clockSlack = 0.05

  /// `probedPeak` is the Float32 multiply-add rate that `bounds` took for the roof of the host [op/s].
  package init(_ timing: TimingRecord, bounds: BoundsRecord, probedPeak: Double?) {
    guard let floor = bounds.bound(on: BoundsRecord.host).value?.floorSeconds.value,
      let own = timing.alternative(.mechanism).value
    else {
      status = .measured
      return
    }
    let roofShare = Self.roofShare(timing, probedPeak: probedPeak)
    let longest = own.intervalNanoseconds.high * 1e-9
    guard longest < floor * roofShare * (1 - Self.clockSlack) else {
      status = .measured
      return
    }
    status = .boundViolated(
      explanation: "measured \(own.medianNanoseconds * 1e-6) ms is below the roofline floor of "
        + "\(floor * roofShare * 1e3) ms on this host, beyond the interval")
  }

  /// What the probe saw of the roof that stood beside the samples, at most 1.
  ///
  /// While another hardware thread runs on the same core, it has half of all units: a probe at such a
  /// time finds roofs that the core exceeds as soon as it is alone, and refutes nothing.
  private static func roofShare(_ timing: TimingRecord, probedPeak: Double?) -> Double {
    guard let probedPeak, probedPeak > 0,
      let beside = timing.adjacentPeakGigaflopsPerSecond.value, beside * 1e9 > probedPeak
    else { return 1 }
    return probedPeak / (beside * 1e9)
  }
}
