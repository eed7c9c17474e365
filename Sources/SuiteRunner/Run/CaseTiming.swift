// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import Measurement
import ResultStore
import Statistics

/// Times a mechanism next to the dense baseline and puts the result into a record.
struct CaseTiming {
  let context: RunContext
  let timing: SuiteTiming
  let timed: TimedCase

  /// `callNanoseconds` is about how long a call takes.
  ///
  /// - Throws: ``MeasurementError`` if a closure takes no measurable time, or what a child process
  ///   that could not measure says.
  func measure(
    _ item: CaseSpecification, engine: any PreparedAttention, plan: Plan, bounds: BoundsRecord,
    callNanoseconds: Double
  ) throws -> TimingRecord {
    let (result, processes) = try rounds(of: item, engine: engine, callNanoseconds)
    let own = try result.timing(of: Role.mechanism.rawValue)
    let base = try result.timing(of: Role.flashBaseline.rawValue)
    let ratio = try result.ratio(of: Role.flashBaseline.rawValue, to: Role.mechanism.rawValue)
    // Bare transforms stand beside the mechanisms that are made of them, a bare read beside
    // decoding, the choice of blocks beside the attention to them.
    let parts = [
      (BareTransforms.name, "f32"), (BareRead.name, "f32"),
      (TimingRecord.selectionName, plan.precisionName),
    ].compactMap { name, precision in
      (try? result.timing(of: name)).map { record(.other, name, precision, $0) }
    }
    let speedUp = Self.speedUp(ratio, of: plan)
    let hostBound = bounds.bound(on: BoundsRecord.host)
    let seconds = own.summary.median * 1e-9
    let products = Double(plan.operations.products)
    let beside: ResultStore.Known<PeakShare> =
      PeakShare((result.alone ?? own).samples, products: products).map { .value($0) }
      ?? .absent(reason: "the multiply-add peak could not be measured")
    return TimingRecord(
      alternatives: [
        record(.mechanism, item.mechanismID, plan.precisionName, own),
        record(.flashBaseline, Flash.card.id, AttendPrecision.float32.name, base),
      ] + parts,
      speedUpOverFlash: speedUp, speedUpOverDense: overDense(speedUp, plan.precisionName),
      realisedShare: speedUp.flatMap { speedUp in
        hostBound.flatMap { $0.roofline.map { speedUp.value / $0 } }
      },
      floorShare: Self.figure(
        hostBound.flatMap { $0.floorSeconds.map { $0 / seconds } }, of: plan),
      flashFloorShare: hostBound.flatMap {
        $0.denseFloorSeconds.map { $0 / (base.summary.median * 1e-9) }
      },
      gigaflopsPerSecond: Self.figure(.value(products / seconds * 1e-9), of: plan),
      adjacentPeakGigaflopsPerSecond: beside.map { $0.peak * 1e-9 },
      shareOfPeak: Self.figure(beside.map(\.share), of: plan), cache: item.cache.rawValue,
      stop: result.stop.rawValue, processes: processes,
      alone: result.alone.map { record(.mechanism, item.mechanismID, plan.precisionName, $0) })
  }

  private typealias Role = ResultStore.TimedAlternative.Role

  /// All rounds of the case and, where several processes took them, the process of each.
  private func rounds(
    of item: CaseSpecification, engine: any PreparedAttention, _ callNanoseconds: Double
  ) throws -> (InterleavedTiming, [Int]?) {
    guard timing.processes > 1, let timeInProcess = context.timeInProcess else {
      return (
        try timed.measure(item, engine: engine, callNanoseconds: callNanoseconds), nil
      )
    }
    let parts = try context.phases.measure(.sampling) {
      try (0..<timing.processes).map { try timeInProcess(item, $0) }
    }
    let joined = try InterleavedTiming(joining: parts)
    context.phases.move(joined.timedNanoseconds, from: .sampling, to: .timed)
    context.phases.move(joined.calibrationNanoseconds, from: .sampling, to: .calibration)
    let owners = parts.enumerated().flatMap { index, part in
      Array(repeating: index, count: part.rounds)
    }
    return (joined, owners)
  }

  private func overDense(
    _ speedUp: ResultStore.Known<Estimate>, _ precision: String
  ) -> ResultStore.Known<Estimate> {
    guard precision == AttendPrecision.float32.name else {
      return .absent(reason: "the mechanism is itself dense attention in \(precision)")
    }
    return speedUp
  }

  /// The ratio of times, unless formats are emulated: then the time is that of an emulation.
  private static func speedUp(
    _ ratio: TimeRatio, of plan: Plan
  ) -> ResultStore.Known<Estimate> {
    emulation(plan).map { .absent(reason: $0) } ?? estimate(ratio)
  }

  /// A figure of speed, unless formats are emulated.
  private static func figure(_ value: Quantity, of plan: Plan) -> Quantity {
    emulation(plan).map { .absent(reason: $0) } ?? value
  }

  /// Why the times of `plan` are no speeds, or nil where they are.
  private static func emulation(_ plan: Plan) -> String? {
    let formats = plan.emulatedFormats
    guard !formats.isEmpty else { return nil }
    return "no CPU multiplies \(formats.joined(separator: " or ")): the accuracy is real, the time "
      + "is that of an emulation"
  }

  private static func estimate(_ ratio: TimeRatio) -> ResultStore.Known<Estimate> {
    guard let interval = ratio.interval else {
      return .absent(
        reason: "too few pairs for an interval: \(ratio.pairs) fitted into the time of the case; "
          + "raise timePerCase in the suite, or repeat on a quieter machine")
    }
    return .value(
      Estimate(
        value: ratio.median,
        interval: ResultStore.Interval(low: interval.lower, high: interval.upper)))
  }

  private func record(
    _ role: Role, _ name: String, _ precision: String, _ timing: AlternativeTiming
  ) -> ResultStore.TimedAlternative {
    let summary = timing.summary
    let disturbed = timing.samples.indices.filter { timing.samples[$0].isDisturbed }
    return ResultStore.TimedAlternative(
      role: role, name: name, precision: precision,
      samplesNanoseconds: timing.samples.map(\.nanosecondsPerCall),
      medianNanoseconds: summary.median, madNanoseconds: summary.medianAbsoluteDeviation,
      intervalNanoseconds: ResultStore.Interval(
        low: summary.interval?.lower ?? summary.minimum,
        high: summary.interval?.upper ?? summary.maximum),
      minNanoseconds: summary.minimum, p90Nanoseconds: summary.ninetiethPercentile,
      disturbed: disturbed.count, disturbedSamples: disturbed,
      sharedCoreSamples: sharedCore(timing), peaksGigaflopsPerSecond: peaks(timing),
      callsPerSample: timing.callsPerSample,
      medianThreadCPUNanoseconds: timing.threadCPUSummary.median)
  }

  /// Indices of the samples on a shared core; nil where nothing tells.
  private func sharedCore(_ timing: AlternativeTiming) -> [Int]? {
    guard timing.samples.contains(where: { $0.issueShare != nil }) else { return nil }
    return timing.samples.indices.filter { timing.samples[$0].isCoreShared }
  }

  /// The peak around every sample; nil unless all have one.
  private func peaks(_ timing: AlternativeTiming) -> [Double]? {
    let peaks = timing.samples.compactMap { $0.multiplyAddRate.map { $0 * 1e-9 } }
    return peaks.count == timing.samples.count ? peaks : nil
  }
}
