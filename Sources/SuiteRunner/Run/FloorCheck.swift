// SPDX-License-Identifier: MIT

import ResultStore

/// The falsifier: no run can be faster than its own roofline floor.
///
/// A ratio of two floors does not bound a measured ratio, since dense attention may reach less of
/// its roof than the mechanism does of its own. What refutes the model is a measured time below the
/// floor of the same mechanism on the same host, beyond the interval of the measurement.
struct FloorCheck {
  let status: CaseStatus

  /// Roofs move with the clock by a few percent between the probe and the case.
  private static let clockSlack = 0.05

  init(_ timing: TimingRecord, bounds: BoundsRecord) {
    guard let floor = bounds.bound(on: BoundsRecord.host).value?.floorSeconds.value,
      let own = timing.alternative(.mechanism).value
    else {
      status = .measured
      return
    }
    let longest = own.intervalNanoseconds.high * 1e-9
    guard longest < floor * (1 - Self.clockSlack) else {
      status = .measured
      return
    }
    status = .boundViolated(
      explanation: "measured \(own.medianNanoseconds * 1e-6) ms is below the roofline floor of "
        + "\(floor * 1e3) ms on this host, beyond the interval")
  }
}
