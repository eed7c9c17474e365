// SPDX-License-Identifier: MIT

import ResultStore

/// A night from which on a series is different.
public struct HistoryChange: Hashable, Sendable {
  public enum Effect: String, Hashable, Sendable {
    case better, worse
    /// A change of a metric that is neither good nor bad when it grows.
    case different
  }

  public let key: SeriesKey
  /// The last run of the old level.
  public let last: HistoryPoint
  /// The first run of the new level.
  public let first: HistoryPoint
  /// Medians of the values between this change and its neighbours.
  public let before: Double
  public let after: Double
  /// Share of shuffled series that split as strongly; nil for a metric in which every difference is
  /// a change.
  public let pValue: Double?
  /// What someone wrote beforehand or since; nil if nobody did.
  public let explanation: HistoryAnnotation?

  /// ``after`` / ``before``, or nil if that was zero.
  public var ratio: Double? { before == 0 ? nil : after / before }

  /// Whether ``ratio`` differs from 1 by at least `share`; a change from or to zero always does.
  public func isAtLeast(_ share: Double) -> Bool {
    guard let ratio, ratio > 0 else { return true }
    return max(ratio, 1 / ratio) >= 1 + share
  }

  public var effect: Effect {
    switch key.metric.better {
    case .lower: after < before ? .better : .worse
    case .higher: after > before ? .better : .worse
    case .neither: .different
    }
  }
}
