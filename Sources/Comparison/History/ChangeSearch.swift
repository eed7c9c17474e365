// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Statistics

/// Finds the nights at which a series changed.
///
/// Sampled metrics are searched with ``EDivisive`` on logarithms, so that "twice" and "half" weigh
/// alike; in exact ones, such as planned work, each difference is a change. Nights with too many
/// disturbed samples are left out. The same series has the same changes everywhere.
public struct ChangeSearch: Sendable {
  /// Nights that are looked at, counted from the last.
  public let nights: Int
  /// Changes of sampled metrics below this share are left out.
  public let smallest: Double
  public let detector: EDivisive

  /// The last hundred nights and changes from 1 % on, unless said otherwise.
  ///
  /// - Requires: `nights` at least 1, `smallest` not negative.
  public init(nights: Int = 100, smallest: Double = 0.01, detector: EDivisive = EDivisive()) {
    precondition(nights > 0 && smallest >= 0, "a search needs nights and a size")
    self.nights = nights
    self.smallest = smallest
    self.detector = detector
  }

  /// The changes of `series`, oldest first, each with the annotation that explains it.
  public func changes(
    in series: HistorySeries, annotations: [HistoryAnnotation] = []
  ) -> [HistoryChange] {
    let points = considered(series)
    let found = series.key.metric.isExact ? steps(points) : splits(points)
    let relevant = annotations.filter { $0.concerns(series.key) }
    return found.map { split in
      HistoryChange(
        key: series.key, last: points[split.index - 1], first: points[split.index],
        before: split.before, after: split.after, pValue: split.pValue,
        explanation: Self.explanation(of: split.index, in: points, among: relevant))
    }.filter { $0.pValue == nil || $0.isAtLeast(smallest) }
  }

  /// The points that are looked at: fit ones of the last ``nights``.
  public func considered(_ series: HistorySeries) -> [HistoryPoint] {
    series.points.suffix(nights).filter(\.isFit)
  }

  private typealias Split = (index: Int, before: Double, after: Double, pValue: Double?)

  private func steps(_ points: [HistoryPoint]) -> [Split] {
    points.indices.dropFirst().filter { points[$0].value != points[$0 - 1].value }.map {
      ($0, points[$0 - 1].value, points[$0].value, nil)
    }
  }

  private func splits(_ points: [HistoryPoint]) -> [Split] {
    let values = points.map(\.value)
    let isPositive = values.allSatisfy { $0 > 0 }
    guard let sample = try? Sample(isPositive ? values.map { log($0) } : values) else {
      return []
    }
    let changes = detector.changePoints(in: sample)
    let bounds = [0] + changes.map(\.index) + [values.count]
    return changes.enumerated().map { place, change in
      (
        change.index, Self.median(values[bounds[place]..<change.index]),
        Self.median(values[change.index..<bounds[place + 2]]), change.pValue
      )
    }
  }

  private static func median(_ values: ArraySlice<Double>) -> Double {
    // Never empty and all finite: a segment lies between two changes of such a series.
    (try? Sample(Array(values)).median) ?? .nan
  }

  /// The expected annotation nearest to a change: it may be off by one night, which is as exact as a
  /// change of a noisy series can be placed.
  private static func explanation(
    of index: Int, in points: [HistoryPoint], among annotations: [HistoryAnnotation]
  ) -> HistoryAnnotation? {
    let earliest = points[max(index - 2, 0)].run.startedAt
    let latest = points[min(index + 1, points.count - 1)].run.startedAt
    return annotations.last { note in
      note.isExpected && note.at > earliest && note.at <= latest
    }
  }
}
