// SPDX-License-Identifier: MIT

/// Where a value lies with respect to the bulk of its sample.
public enum OutlierClass: String, Hashable, Codable, Sendable {
  case regular
  case low
  case high
}

extension Sample {
  /// The modified z-score of each value, in the order taken.
  ///
  /// `0.6745 (x - median) / MAD`: 0.6745 is the MAD of a standard normal variable, so that the
  /// score of normal data is in standard deviations. If more than half of the values are equal the MAD
  /// is 0 and the mean absolute deviation stands in, scaled alike (`sqrt(pi / 2)`). Zero for a
  /// constant sample.
  ///
  /// Source: Iglewicz and Hoaglin, *How to Detect and Handle Outliers* (1993).
  public func modifiedZScores() -> [Double] {
    let centre = median
    let spread = medianAbsoluteDeviation
    if spread > 0 { return values.map { 0.6745 * ($0 - centre) / spread } }
    let meanDeviation = values.reduce(0) { $0 + abs($1 - centre) } / Double(count)
    guard meanDeviation > 0 else { return values.map { _ in 0 } }
    return values.map { ($0 - centre) / (1.253314 * meanDeviation) }
  }

  /// The class of each value, in the order taken; 3.5 is the authors' threshold.
  public func outliers(threshold: Double = 3.5) -> [OutlierClass] {
    modifiedZScores().map { score in
      abs(score) <= threshold ? .regular : score < 0 ? .low : .high
    }
  }
}
