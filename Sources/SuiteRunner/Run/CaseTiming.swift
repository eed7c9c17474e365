// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import Measurement
import ResultStore
import Statistics

/// Times a mechanism next to the dense baseline, as adjacent samples in random order.
struct CaseTiming {
  let context: RunContext
  let timing: SuiteTiming
  let seed: Seed

  /// One closure to time, with what a record says of it.
  struct Candidate {
    let role: ResultStore.TimedAlternative.Role
    let name: String
    let precision: String
    let body: () -> Void
  }

  /// - Throws: ``MeasurementError`` if a closure takes no measurable time.
  func measure(
    _ mechanism: Candidate, baseline: Candidate, others: [Candidate] = [], plan: Plan,
    bounds: BoundsRecord
  ) throws -> TimingRecord {
    let peakBefore = context.adjacentPeak()
    let timer = InterleavedTimer(plan: timingPlan)
    var alternatives: [Measurement.TimedAlternative] = [
      .init(name: baseline.role.rawValue, body: baseline.body),
      .init(name: mechanism.role.rawValue, body: mechanism.body),
    ]
    alternatives += others.map { .init(name: $0.name, body: $0.body) }
    let result = try timer.measure(alternatives)
    let peaks = [peakBefore, context.adjacentPeak()].compactMap { $0 }
    let own = try result.timing(of: mechanism.role.rawValue)
    let base = try result.timing(of: baseline.role.rawValue)
    let rest = try others.map { record($0, try result.timing(of: $0.name)) }
    let ratio = try result.ratio(of: baseline.role.rawValue, to: mechanism.role.rawValue)
    let speedUp = Self.estimate(ratio)
    let hostBound = bounds.bound(on: BoundsRecord.host)
    let seconds = own.summary.median * 1e-9
    let rate = Double(plan.operations.products) / seconds * 1e-9
    let peak: Quantity =
      peaks.isEmpty
      ? .absent(reason: "the multiply-add peak could not be measured")
      : .value(peaks.reduce(0, +) / Double(peaks.count) * 1e-9)
    return TimingRecord(
      alternatives: [record(mechanism, own), record(baseline, base)] + rest,
      speedUpOverFlash: speedUp, speedUpOverDense: overDense(speedUp, mechanism: mechanism),
      realisedShare: speedUp.flatMap { speedUp in
        hostBound.flatMap { $0.roofline.map { speedUp.value / $0 } }
      },
      floorShare: hostBound.flatMap { $0.floorSeconds.map { $0 / seconds } },
      flashFloorShare: hostBound.flatMap {
        $0.denseFloorSeconds.map { $0 / (base.summary.median * 1e-9) }
      },
      gigaflopsPerSecond: .value(rate), adjacentPeakGigaflopsPerSecond: peak,
      shareOfPeak: peak.map { rate / $0 }, cache: "warm", stop: result.stop.rawValue)
  }

  private var timingPlan: TimingPlan {
    var plan = TimingPlan()
    plan.targetWidth = timing.targetWidth
    plan.minimumRounds = timing.minimumRounds
    plan.maximumRounds = timing.maximumRounds
    plan.timeLimit = .milliseconds(Int64(timing.secondsPerCase * 1000))
    plan.seed = seed.child("timing").value
    return plan
  }

  private func overDense(
    _ speedUp: ResultStore.Known<Estimate>, mechanism: Candidate
  ) -> ResultStore.Known<Estimate> {
    guard mechanism.precision == AttendPrecision.float32.name else {
      return .absent(reason: "the mechanism is itself dense attention in \(mechanism.precision)")
    }
    return speedUp
  }

  private static func estimate(_ ratio: TimeRatio) -> ResultStore.Known<Estimate> {
    guard let interval = ratio.interval else {
      return .absent(reason: "too few pairs for an interval")
    }
    return .value(
      Estimate(
        value: ratio.median,
        interval: ResultStore.Interval(low: interval.lower, high: interval.upper)))
  }

  private func record(
    _ candidate: Candidate, _ timing: AlternativeTiming
  ) -> ResultStore.TimedAlternative {
    let summary = timing.summary
    return ResultStore.TimedAlternative(
      role: candidate.role, name: candidate.name, precision: candidate.precision,
      samplesNanoseconds: timing.samples.map(\.nanosecondsPerCall),
      medianNanoseconds: summary.median, madNanoseconds: summary.medianAbsoluteDeviation,
      intervalNanoseconds: ResultStore.Interval(
        low: summary.interval?.lower ?? summary.minimum,
        high: summary.interval?.upper ?? summary.maximum),
      minNanoseconds: summary.minimum, p90Nanoseconds: summary.ninetiethPercentile,
      disturbed: timing.samples.count { $0.isDisturbed })
  }
}
