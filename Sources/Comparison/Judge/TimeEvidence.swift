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
  /// Pairs of which other work disturbed a partner.
  public var disturbed: Int

  public init(numerators: [Double], denominators: [Double], disturbed: Int) {
    self.numerators = numerators
    self.denominators = denominators
    self.disturbed = disturbed
  }

  /// Logarithms of the ratios of pairs whose times are above zero.
  var logRatios: [Double] {
    zip(numerators, denominators).compactMap { top, bottom in
      top > 0 && bottom > 0 && top.isFinite && bottom.isFinite ? log(top / bottom) : nil
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
      disturbed: max(own.disturbed, base.disturbed))
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
      disturbed: own.disturbed * 2 > own.count ? 1 : 0)
  }
}

extension PairedTimes {
  /// The median logarithm of the ratios; nil without a usable pair.
  package var medianLogRatio: Double? { (try? Sample(logRatios))?.median }
}
