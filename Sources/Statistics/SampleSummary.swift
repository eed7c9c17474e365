// SPDX-License-Identifier: MIT

/// The figures by which a sample is reported, in the sample's own unit.
public struct SampleSummary: Hashable, Codable, Sendable {
  /// Number of values, outliers included.
  public let count: Int
  public let median: Double
  /// Median distance from the median, unscaled.
  public let medianAbsoluteDeviation: Double
  /// Bootstrap interval of the median; nil for too few values (see ``Bootstrap/minimumCount``).
  public let interval: Interval?
  public let minimum: Double
  public let maximum: Double
  /// The 0.9 quantile.
  public let ninetiethPercentile: Double
  /// Values whose modified z-score exceeds 3.5; they are part of all figures above.
  public let outlierCount: Int

  /// Summarises `sample`.
  public init(of sample: Sample, bootstrap: Bootstrap = Bootstrap()) {
    count = sample.count
    median = sample.median
    medianAbsoluteDeviation = sample.medianAbsoluteDeviation
    interval = bootstrap.medianInterval(of: sample)
    minimum = sample.minimum
    maximum = sample.maximum
    ninetiethPercentile = sample.quantile(0.9)
    outlierCount = sample.outliers().count { $0 != .regular }
  }
}
