// SPDX-License-Identifier: MIT

/// How an interval is drawn from a sample: by resampling with replacement.
///
/// Percentile bootstrap. The same settings and sample give the same interval everywhere.
///
/// Source: Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13.
public struct Bootstrap: Hashable, Codable, Sendable {
  /// Share of repetitions whose interval would hold the true value, such as 0.95.
  public let confidence: Double
  /// Samples drawn; the ends of a 95 % interval rest on 2.5 % of them each.
  public let resamples: Int
  /// Seed of the draws.
  public let seed: UInt64

  /// Settings with 95 % confidence and 2000 resamples unless said otherwise.
  ///
  /// - Requires: `confidence` strictly between 0 and 1, `resamples` at least 1.
  public init(confidence: Double = 0.95, resamples: Int = 2000, seed: UInt64 = 0) {
    precondition(confidence > 0 && confidence < 1, "confidence lies between 0 and 1")
    precondition(resamples > 0, "a bootstrap needs at least one resample")
    self.confidence = confidence
    self.resamples = resamples
    self.seed = seed
  }

  /// The smallest sample for which an interval is given.
  ///
  /// With fewer values even the whole range from minimum to maximum misses the median more often
  /// than `confidence` allows: it does so with probability `2^(1 - count)`. Six for 95 %.
  public var minimumCount: Int {
    var count = 2
    var miss = 0.5
    while miss > 1 - confidence {
      count += 1
      miss /= 2
    }
    return count
  }

  /// The interval of the median, or nil below ``minimumCount`` values.
  public func medianInterval(of sample: Sample) -> Interval? {
    guard sample.count >= minimumCount else { return nil }
    let sorted = sample.sorted
    let count = sorted.count
    var generator = ResamplingGenerator(seed: seed)
    var drawn = [Int](repeating: 0, count: count)
    var medians: [Double] = []
    medians.reserveCapacity(resamples)
    for _ in 0..<resamples {
      // Counting the draws per rank finds the median without sorting each resample.
      for rank in drawn.indices { drawn[rank] = 0 }
      for _ in 0..<count { drawn[generator.index(below: count)] += 1 }
      medians.append(Self.median(of: sorted, drawn: drawn))
    }
    return interval(of: medians)
  }

  /// The interval of the arithmetic mean, or nil below ``minimumCount`` values.
  public func meanInterval(of sample: Sample) -> Interval? {
    guard sample.count >= minimumCount else { return nil }
    let values = sample.values
    var generator = ResamplingGenerator(seed: seed)
    var means: [Double] = []
    means.reserveCapacity(resamples)
    for _ in 0..<resamples {
      var sum = 0.0
      for _ in values { sum += values[generator.index(below: values.count)] }
      means.append(sum / Double(values.count))
    }
    return interval(of: means)
  }

  private func interval(of statistics: [Double]) -> Interval {
    let sorted = statistics.sorted()
    let tail = (1 - confidence) / 2
    return Interval(
      Sample.quantile(tail, ofSorted: sorted), Sample.quantile(1 - tail, ofSorted: sorted))
  }

  /// The median of the multiset that holds `sorted[rank]` `drawn[rank]` times.
  static func median(of sorted: [Double], drawn: [Int]) -> Double {
    let count = sorted.count
    let low = value(at: (count - 1) / 2, of: sorted, drawn: drawn)
    guard count.isMultiple(of: 2) else { return low }
    return low + (value(at: count / 2, of: sorted, drawn: drawn) - low) / 2
  }

  private static func value(at position: Int, of sorted: [Double], drawn: [Int]) -> Double {
    var seen = 0
    for rank in sorted.indices {
      seen += drawn[rank]
      if seen > position { return sorted[rank] }
    }
    return sorted[sorted.count - 1]
  }
}
