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
  /// Median multiply-add peak in f32, measured around each sample of the mechanism.
  public var adjacentPeakGigaflopsPerSecond: Quantity
  /// Median over the samples of the mechanism: rate of products / peak around that sample.
  ///
  /// Of the samples of ``alone``, if there are any. Those on a core that another hardware thread
  /// shared are left out where enough remain.
  public var shareOfPeak: Quantity
  /// `warm` or `cold`.
  public var cache: String
  /// Why sampling stopped, such as `interval below 1 %` or `time limit`.
  public var stop: String
  /// Index of the process that took each round, from 0; nil where one process took all of them.
  ///
  /// Sample `i` of every alternative belongs to round `i`: equal indices are adjacent pairs.
  public var processes: [Int]?
  /// Samples of the mechanism alone, back to back; nil where the suite asks for none.
  public var alone: TimedAlternative?

  public init(
    alternatives: [TimedAlternative], speedUpOverFlash: Known<Estimate>,
    speedUpOverDense: Known<Estimate>, realisedShare: Quantity, floorShare: Quantity,
    flashFloorShare: Quantity, gigaflopsPerSecond: Quantity,
    adjacentPeakGigaflopsPerSecond: Quantity, shareOfPeak: Quantity, cache: String, stop: String,
    processes: [Int]? = nil, alone: TimedAlternative? = nil
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
    self.alone = alone
  }

  /// The relative width of an interval above which a figure decides nothing: +-3 %, the change that
  /// a gate looks for.
  public static let widestInterval = 0.06

  /// What the choice of blocks, timed without the attention that follows, is called among the
  /// alternatives.
  public static let selectionName = "selection"

  /// The choice of blocks by itself; nil where nothing is chosen.
  public var selection: TimedAlternative? {
    alternatives.first { $0.role == .other && $0.name == Self.selectionName }
  }

  /// Median time of the choice of blocks / that of `flash` in f32; nil where nothing is chosen.
  public var selectionShareOfFlash: Double? {
    guard let selection, let flash = alternatives.first(where: { $0.role == .flashBaseline }),
      flash.medianNanoseconds > 0
    else { return nil }
    return selection.medianNanoseconds / flash.medianNanoseconds
  }

  /// Whether the interval of the speed-up, or else of the time, is too wide to decide anything.
  ///
  /// How many samples others disturbed does not matter here: what they did to the figure is in the
  /// interval.
  public var isUnfit: Bool {
    let interval =
      speedUpOverFlash.value?.interval ?? alternative(.mechanism).value?.intervalNanoseconds
    return interval.map { $0.relativeWidth > Self.widestInterval } ?? true
  }

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
  /// Samples of which others took more than a hundredth of the time; they are kept.
  public var disturbed: Int
  /// Indices of those samples; nil in records that only count them.
  public var disturbedSamples: [Int]?
  /// Indices of samples beside which another hardware thread was at work on the same core; nil
  /// where that was not looked for.
  public var sharedCoreSamples: [Int]?
  /// Float32 multiply-add peak of all threads around each sample; nil where it was not measured.
  public var peaksGigaflopsPerSecond: [Double]?
  /// Calls in each sample; times are per call.
  public var callsPerSample: Int?
  /// Median CPU time of the calling thread per call.
  public var medianThreadCPUNanoseconds: Double?

  public init(
    role: Role, name: String, precision: String, samplesNanoseconds: [Double],
    medianNanoseconds: Double, madNanoseconds: Double, intervalNanoseconds: Interval,
    minNanoseconds: Double, p90Nanoseconds: Double, disturbed: Int,
    disturbedSamples: [Int]? = nil, sharedCoreSamples: [Int]? = nil,
    peaksGigaflopsPerSecond: [Double]? = nil, callsPerSample: Int? = nil,
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
    self.sharedCoreSamples = sharedCoreSamples
    self.peaksGigaflopsPerSecond = peaksGigaflopsPerSecond
    self.callsPerSample = callsPerSample
    self.medianThreadCPUNanoseconds = medianThreadCPUNanoseconds
  }

  public var count: Int { samplesNanoseconds.count }
}

/// A 95 % interval.
public struct Interval: Codable, Hashable, Sendable {
  public var low: Double
  public var high: Double

  /// The width as a share of the middle; infinite unless both ends lie above zero.
  public var relativeWidth: Double {
    low > 0 && high.isFinite ? 2 * (high - low) / (high + low) : .infinity
  }

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
