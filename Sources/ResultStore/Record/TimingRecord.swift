// SPDX-License-Identifier: MIT

/// Times of a mechanism and of the baselines that ran next to it.
public struct TimingRecord: Codable, Hashable, Sendable {
  public var alternatives: [TimedAlternative]
  /// Time of `flash` in f32 / time of the mechanism, from adjacent pairs.
  public var speedUpOverFlash: Known<Estimate>
  /// Time of dense attention in the mechanism's precision / time of the mechanism.
  public var speedUpOverDense: Known<Estimate>
  /// ``speedUpOverFlash`` / roofline bound on the host.
  public var realisedShare: Quantity
  /// Roofline floor of the mechanism on the host / its median time.
  public var floorShare: Quantity
  /// Roofline floor of `flash` on the host / its median time.
  public var flashFloorShare: Quantity
  /// Product operations of the plan / median time.
  public var gigaflopsPerSecond: Quantity
  /// Multiply-add peak in f32, measured next to the case.
  public var adjacentPeakGigaflopsPerSecond: Quantity
  /// ``gigaflopsPerSecond`` / ``adjacentPeakGigaflopsPerSecond``.
  public var shareOfPeak: Quantity
  /// `warm` or `cold`.
  public var cache: String
  /// Why sampling stopped, such as `interval below 1 %` or `time limit`.
  public var stop: String
  /// Index of the process that took each round, from 0; nil where one process took all of them.
  ///
  /// Sample `i` of every alternative belongs to round `i`: equal indices are adjacent pairs.
  public var processes: [Int]?

  public init(
    alternatives: [TimedAlternative], speedUpOverFlash: Known<Estimate>,
    speedUpOverDense: Known<Estimate>, realisedShare: Quantity, floorShare: Quantity,
    flashFloorShare: Quantity, gigaflopsPerSecond: Quantity,
    adjacentPeakGigaflopsPerSecond: Quantity, shareOfPeak: Quantity, cache: String, stop: String,
    processes: [Int]? = nil
  ) {
    self.alternatives = alternatives
    self.speedUpOverFlash = speedUpOverFlash
    self.speedUpOverDense = speedUpOverDense
    self.realisedShare = realisedShare
    self.floorShare = floorShare
    self.flashFloorShare = flashFloorShare
    self.gigaflopsPerSecond = gigaflopsPerSecond
    self.adjacentPeakGigaflopsPerSecond = adjacentPeakGigaflopsPerSecond
    self.shareOfPeak = shareOfPeak
    self.cache = cache
    self.stop = stop
    self.processes = processes
  }

  /// What the choice of blocks, timed without the attention that follows, is called among the
  /// alternatives.
  public static let selectionName = "selection"

  /// Median time of the choice of blocks / that of `flash` in f32; nil where nothing is chosen.
  public var selectionShareOfFlash: Double? {
    guard
      let selection = alternatives.first(where: {
        $0.role == .other && $0.name == Self.selectionName
      }), let flash = alternatives.first(where: { $0.role == .flashBaseline }),
      flash.medianNanoseconds > 0
    else { return nil }
    return selection.medianNanoseconds / flash.medianNanoseconds
  }

  /// The share of disturbed samples above which a case is unfit for a verdict.
  public static let maximumDisturbedShare = 0.2

  /// Share of the samples of the most disturbed alternative that saw a switch or a theft.
  public var disturbedShare: Double {
    alternatives.map { $0.count == 0 ? 0 : Double($0.disturbed) / Double($0.count) }.max() ?? 0
  }

  /// Whether the machine was too busy for the figures to decide anything.
  public var isUnfit: Bool { disturbedShare > Self.maximumDisturbedShare }

  /// Indices of the rounds that each process took, for statistics over processes and pairs.
  public var roundsOfProcesses: [[Int]] {
    let rounds = alternatives.map(\.count).min() ?? 0
    guard let processes, processes.count == rounds else {
      return rounds > 0 ? [Array(0..<rounds)] : []
    }
    return Set(processes).sorted().map { process in
      processes.indices.filter { processes[$0] == process }
    }
  }

  /// The samples in the role `role`, or the reason there are none.
  public func alternative(_ role: TimedAlternative.Role) -> Known<TimedAlternative> {
    guard let found = alternatives.first(where: { $0.role == role }) else {
      return .absent(reason: "no '\(role.rawValue)' was timed in this case")
    }
    return .value(found)
  }
}

/// The samples of one thing that was timed, and their summary.
public struct TimedAlternative: Codable, Hashable, Sendable {
  public enum Role: String, Codable, Hashable, Sendable, CaseIterable {
    case mechanism
    /// `flash` in f32.
    case flashBaseline
    /// Dense attention in the precision of the mechanism.
    case denseBaseline
    /// Anything else, such as the mechanism without its preparation of inputs.
    case other
  }

  public var role: Role
  /// Mechanism id, with what sets it apart.
  public var name: String
  public var precision: String
  public var samplesNanoseconds: [Double]
  public var medianNanoseconds: Double
  public var madNanoseconds: Double
  /// 95 % interval of the median.
  public var intervalNanoseconds: Interval
  public var minNanoseconds: Double
  public var p90Nanoseconds: Double
  /// Samples that saw an involuntary context switch or stolen time; they are kept.
  public var disturbed: Int
  /// Indices of those samples; nil in records that only count them.
  public var disturbedSamples: [Int]?
  /// Calls in each sample; times are per call.
  public var callsPerSample: Int?
  /// Median CPU time of the calling thread per call.
  public var medianThreadCPUNanoseconds: Double?

  public init(
    role: Role, name: String, precision: String, samplesNanoseconds: [Double],
    medianNanoseconds: Double, madNanoseconds: Double, intervalNanoseconds: Interval,
    minNanoseconds: Double, p90Nanoseconds: Double, disturbed: Int,
    disturbedSamples: [Int]? = nil, callsPerSample: Int? = nil,
    medianThreadCPUNanoseconds: Double? = nil
  ) {
    self.role = role
    self.name = name
    self.precision = precision
    self.samplesNanoseconds = samplesNanoseconds
    self.medianNanoseconds = medianNanoseconds
    self.madNanoseconds = madNanoseconds
    self.intervalNanoseconds = intervalNanoseconds
    self.minNanoseconds = minNanoseconds
    self.p90Nanoseconds = p90Nanoseconds
    self.disturbed = disturbed
    self.disturbedSamples = disturbedSamples
    self.callsPerSample = callsPerSample
    self.medianThreadCPUNanoseconds = medianThreadCPUNanoseconds
  }

  public var count: Int { samplesNanoseconds.count }
}

/// A 95 % interval.
public struct Interval: Codable, Hashable, Sendable {
  public var low: Double
  public var high: Double

  public init(low: Double, high: Double) {
    self.low = low
    self.high = high
  }
}

/// A number with its 95 % interval.
public struct Estimate: Codable, Hashable, Sendable {
  public var value: Double
  public var interval: Interval

  public init(value: Double, interval: Interval) {
    self.value = value
    self.interval = interval
  }
}
