// SPDX-License-Identifier: MIT

import RealModule

/// The geometric mean of ratios that were each measured with an interval.
///
/// It speaks of just these cases: unlike the interval of ``GeometricMean``, which asks what other
/// cases would have given, this one holds their measuring error alone.
public struct CombinedRatio: Hashable, Codable, Sendable {
  /// `exp` of the mean logarithm.
  public let value: Double
  /// Its interval: errors of independent cases add in squares, above and below apart.
  public let interval: Interval
  /// Number of ratios.
  public let count: Int

  /// Combines `ratios`, whose interval ends are above zero.
  ///
  /// - Throws: `emptySample` without a ratio, `notFinite` or `notPositive` for a number that has no
  ///   logarithm.
  public init(of ratios: [(value: Double, interval: Interval)]) throws(StatisticsError) {
    guard !ratios.isEmpty else { throw .emptySample }
    let logs = try logarithms(of: ratios.map(\.value))
    let lower = try logarithms(of: ratios.map(\.interval.lower))
    let upper = try logarithms(of: ratios.map(\.interval.upper))
    let mean = logs.reduce(0, +) / Double(logs.count)
    func halfWidth(_ ends: [Double]) -> Double {
      let squares = zip(ends, logs).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      return squares.squareRoot() / Double(logs.count)
    }
    value = Double.exp(mean)
    interval = Interval(
      Double.exp(mean - halfWidth(lower)), Double.exp(mean + halfWidth(upper)))
    count = logs.count
  }
}
