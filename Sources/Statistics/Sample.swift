// SPDX-License-Identifier: MIT

/// A non-empty set of finite measurements.
///
/// Nothing is ever dropped: outliers are classified (``outliers()``) and kept.
public struct Sample: Hashable, Sendable {
  /// The values in the order in which they were taken.
  public let values: [Double]
  /// The same values, ascending.
  public let sorted: [Double]

  /// Takes over `values`.
  ///
  /// - Throws: `emptySample` without a value, `notFinite` for NaN and infinity.
  public init(_ values: [Double]) throws(StatisticsError) {
    guard !values.isEmpty else { throw .emptySample }
    if let index = values.firstIndex(where: { !$0.isFinite }) { throw .notFinite(index: index) }
    self.values = values
    sorted = values.sorted()
  }

  /// Number of values.
  public var count: Int { values.count }

  /// The smallest value.
  public var minimum: Double { sorted[0] }

  /// The largest value.
  public var maximum: Double { sorted[sorted.count - 1] }

  /// The arithmetic mean.
  public var mean: Double { values.reduce(0, +) / Double(count) }

  /// The middle value, or the mean of the two middle values.
  public var median: Double { Self.median(ofSorted: sorted) }

  /// The median of the distances from the median (MAD), not scaled to a normal deviation.
  public var medianAbsoluteDeviation: Double {
    let centre = median
    return Self.median(ofSorted: values.map { abs($0 - centre) }.sorted())
  }

  /// The value below which the share `probability` of the sample lies.
  ///
  /// Linear between neighbours: the value at position `probability * (count - 1)`. Probabilities
  /// outside 0...1 give the extremes.
  ///
  /// Source: Hyndman and Fan, *Sample Quantiles in Statistical Packages* (1996), definition 7.
  public func quantile(_ probability: Double) -> Double {
    Self.quantile(probability, ofSorted: sorted)
  }

  static func median(ofSorted sorted: [Double]) -> Double {
    let middle = sorted.count / 2
    guard sorted.count.isMultiple(of: 2) else { return sorted[middle] }
    return sorted[middle - 1] + (sorted[middle] - sorted[middle - 1]) / 2
  }

  static func quantile(_ probability: Double, ofSorted sorted: [Double]) -> Double {
    let position = min(max(probability, 0), 1) * Double(sorted.count - 1)
    let lower = Int(position.rounded(.down))
    let upper = min(lower + 1, sorted.count - 1)
    return sorted[lower] + (position - Double(lower)) * (sorted[upper] - sorted[lower])
  }
}
