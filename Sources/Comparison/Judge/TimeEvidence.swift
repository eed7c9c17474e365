// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Statistics

/// Adjacent pairs of times from one process, or from two that took turns.
public struct PairedTimes: Hashable, Codable, Sendable {
  /// Times of what is judged [ns].
  public var numerators: [Double]
  /// Times of what it is compared with, each measured next to its numerator [ns].
  public var denominators: [Double]
  /// Places of the numerators that other work disturbed.
  public var disturbedNumerators: [Int]
  /// Places of the denominators that other work disturbed.
  public var disturbedDenominators: [Int]

  public init(
    numerators: [Double], denominators: [Double], disturbedNumerators: [Int] = [],
    disturbedDenominators: [Int] = []
  ) {
    self.numerators = numerators
    self.denominators = denominators
    self.disturbedNumerators = disturbedNumerators
    self.disturbedDenominators = disturbedDenominators
  }

  /// Pairs of which other work disturbed a partner.
  var disturbed: Int { Set(disturbedNumerators).union(disturbedDenominators).count }

  /// Places of the pairs of which other work disturbed one partner and left the other alone.
  var lopsided: Set<Int> { Set(disturbedNumerators).symmetricDifference(disturbedDenominators) }

  /// Logarithms of the ratios of pairs whose times are above zero.
  var logRatios: [Double] { logRatios(without: []) }

  /// The same of pairs that are not ``lopsided``.
  var evenLogRatios: [Double] { logRatios(without: lopsided) }

  private func logRatios(without places: Set<Int>) -> [Double] {
    zip(numerators, denominators).enumerated().compactMap { place, pair in
      let (top, bottom) = pair
      guard !places.contains(place), top > 0, bottom > 0, top.isFinite, bottom.isFinite else {
        return nil
      }
      return log(top / bottom)
    }
  }
}

/// The measured pairs behind one ratio of times.
public enum TimeEvidence: Hashable, Codable, Sendable {
  /// Head over base, side by side: one entry per pair of processes.
  case interleaved([PairedTimes])
  /// Base and head, each over the same yardstick beside it, at different times: one entry per
  /// process. The ratio of the two ratios is free of what changed the yardstick alike.
  case chained(base: [PairedTimes], head: [PairedTimes], yardstick: String)

  /// Every process.
  var processes: [PairedTimes] {
    switch self {
    case .interleaved(let pairs): pairs
    case .chained(let base, let head, _): base + head
    }
  }
}

extension PairedTimes {
  /// The pairs of mechanism and `flash` in a stored record; nil if it holds none.
  public init?(speedUpOf record: CaseRecord) {
    guard let timing = record.publishableTiming.value,
      let own = timing.alternative(.mechanism).value,
      let base = timing.alternative(.flashBaseline).value,
      own.count == base.count, own.count > 0
    else { return nil }
    self.init(
      numerators: own.samplesNanoseconds, denominators: base.samplesNanoseconds,
      disturbedNumerators: own.disturbedSamples ?? [],
      disturbedDenominators: base.disturbedSamples ?? [])
  }

  /// The median time over that of a billion operations at the peak measured beside it.
  ///
  /// The yardstick of `flash` itself, which cannot be its own.
  public init?(timeAtPeakOf record: CaseRecord) {
    guard let timing = record.publishableTiming.value,
      let own = timing.alternative(.mechanism).value,
      let peak = timing.adjacentPeakGigaflopsPerSecond.value, peak > 0
    else { return nil }
    self.init(
      numerators: [own.medianNanoseconds], denominators: [1e9 / peak],
      disturbedNumerators: own.disturbed * 2 > own.count ? [0] : [])
  }
}

extension PairedTimes {
  /// The median logarithm of the ratios; nil without a usable pair.
  package var medianLogRatio: Double? { (try? Sample(logRatios))?.median }
}
