// SPDX-License-Identifier: MIT

import RealModule

/// The geometric mean of positive values, such as the speed-ups of a family of cases.
public struct GeometricMean: Hashable, Codable, Sendable {
  /// `exp` of the mean logarithm.
  public let value: Double
  /// Its bootstrap interval over the values; nil for too few (see ``Bootstrap/minimumCount``).
  public let interval: Interval?
  /// Number of values.
  public let count: Int

  /// Averages `values`.
  ///
  /// - Throws: `emptySample` without a value, `notFinite` or `notPositive` for a value that has no
  ///   logarithm.
  public init(of values: [Double], bootstrap: Bootstrap = Bootstrap()) throws(StatisticsError) {
    let logs = try Sample(logarithms(of: values))
    value = Double.exp(logs.mean)
    interval = bootstrap.meanInterval(of: logs)?.mapped(Double.exp)
    count = logs.count
  }
}
