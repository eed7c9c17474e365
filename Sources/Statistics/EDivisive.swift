// SPDX-License-Identifier: MIT

import RealModule

/// Finds the places at which the distribution of a series changes.
///
/// E-divisive with hierarchical bisection: the split with the largest scaled energy distance
/// between its sides is kept if shuffling the values within the segments found so far rarely gives a
/// larger one, and the search goes on in the parts. Nothing is assumed about the distribution. The
/// shuffles come from a fixed seed, so that a series has the same change points everywhere.
///
/// The time is quadratic in the length of the series for each shuffle: 100 values take
/// milliseconds, 1000 take seconds.
///
/// Source: Matteson and James, *A Nonparametric Approach for Multiple Change Point Analysis of
/// Multivariate Data* (2014), arXiv:1306.4933, sections 2 and 3. Use on benchmark series: Daly et
/// al., *The Use of Change Point Detection to Identify Software Performance Regressions in a
/// Continuous Integration System* (2020), arXiv:2003.00584.
public struct EDivisive: Hashable, Codable, Sendable {
  /// Values on each side of a change at least; a change is seen this many values after it at best.
  public let minimumSegment: Int
  /// A split is kept if its p-value is at most this.
  public let significance: Double
  /// Shuffles behind each p-value, which is never below `1 / (shuffles + 1)`.
  public let shuffles: Int
  /// The power of the distances, above 0 and below 2; 1 compares distributions, values near 2 means.
  public let exponent: Double
  /// Seed of the shuffles.
  public let seed: UInt64

  /// Settings for a hundred nightly values unless said otherwise.
  ///
  /// - Requires: `minimumSegment` at least 2, `significance` strictly between 0 and 1, `shuffles`
  ///   at least 1, `exponent` above 0 and below 2.
  public init(
    minimumSegment: Int = 5, significance: Double = 0.01, shuffles: Int = 499,
    exponent: Double = 1, seed: UInt64 = 0
  ) {
    precondition(minimumSegment >= 2, "a segment needs two values to have a spread")
    precondition(significance > 0 && significance < 1, "significance lies between 0 and 1")
    precondition(shuffles > 0, "a permutation test needs at least one shuffle")
    precondition(exponent > 0 && exponent < 2, "the exponent lies between 0 and 2")
    self.minimumSegment = minimumSegment
    self.significance = significance
    self.shuffles = shuffles
    self.exponent = exponent
    self.seed = seed
  }

  /// The change points of `series` in order of time; empty for a series too short to split.
  public func changePoints(in series: Sample) -> [ChangePoint] {
    let values = series.values
    var bounds = [0, values.count]
    var found: [Int: (split: EnergySplit, pValue: Double)] = [:]
    var generator = ResamplingGenerator(seed: seed)
    while let split = strongestSplit(of: values, bounds: bounds) {
      let pValue = chance(of: split, in: values, bounds: bounds, generator: &generator)
      guard pValue <= significance else { break }
      found[split.index] = (split, pValue)
      bounds.append(split.index)
      bounds.sort()
    }
    return (1..<(bounds.count - 1)).compactMap { place in
      let index = bounds[place]
      guard let (split, pValue) = found[index] else { return nil }
      return ChangePoint(
        index: index, statistic: split.statistic, pValue: pValue,
        before: Self.median(of: values[bounds[place - 1]..<index]),
        after: Self.median(of: values[index..<bounds[place + 1]]))
    }
  }

  /// The split with the largest statistic over all segments; the first of equals.
  func strongestSplit(of values: [Double], bounds: [Int]) -> EnergySplit? {
    var strongest: EnergySplit?
    for (begin, end) in zip(bounds, bounds.dropFirst()) {
      let search = EnergySearch(
        values: values[begin..<end], minimumSegment: minimumSegment, exponent: exponent)
      guard let split = search.strongest() else { continue }
      if split.statistic > strongest?.statistic ?? -.infinity { strongest = split }
    }
    return strongest
  }

  /// The share of shuffles, the series itself counted as one, that split as strongly as `split`.
  private func chance(
    of split: EnergySplit, in values: [Double], bounds: [Int],
    generator: inout ResamplingGenerator
  ) -> Double {
    // Shuffles that only swap equal values differ by rounding and must count as equally strong.
    let threshold = split.statistic - abs(split.statistic) * 1e-10
    var asStrong = 1
    var shuffled = values
    for _ in 0..<shuffles {
      for (begin, end) in zip(bounds, bounds.dropFirst()) {
        generator.shuffle(&shuffled, in: begin..<end)
      }
      let best = strongestSplit(of: shuffled, bounds: bounds)
      if best?.statistic ?? -.infinity >= threshold { asStrong += 1 }
    }
    return Double(asStrong) / Double(shuffles + 1)
  }

  private static func median(of values: ArraySlice<Double>) -> Double {
    Sample.median(ofSorted: values.sorted())
  }
}

/// A place at which a series changes.
public struct ChangePoint: Hashable, Codable, Sendable {
  /// Index of the first value after the change.
  public let index: Int
  /// The scaled energy distance between the two sides when the change was found.
  public let statistic: Double
  /// The share of shuffled series that split as strongly.
  public let pValue: Double
  /// Median of the values between the change point before this one and this one.
  public let before: Double
  /// Median of the values between this change point and the next one.
  public let after: Double

  /// Describes a change that begins at `index`.
  public init(index: Int, statistic: Double, pValue: Double, before: Double, after: Double) {
    self.index = index
    self.statistic = statistic
    self.pValue = pValue
    self.before = before
    self.after = after
  }
}
