// SPDX-License-Identifier: MIT

import RealModule

/// How an interval is drawn from values in groups: groups are resampled, each with all its values.
///
/// A plain bootstrap over all values would take those of one process for independent and promise
/// too much. Resampling the values of a group as well would count their scatter twice, since it
/// already makes the medians of the groups differ: with eight values of heavy tails, intervals come
/// out several times too wide. With few groups the bootstrap is too narrow, since their deviation is
/// known badly; every draw is therefore moved away from the estimate by the factor of
/// ``widening(groups:)``. One or two groups show no deviation; there the values are resampled.
///
/// Sources: Davison and Hinkley, *Bootstrap Methods and their Application* (1997), section 3.8, where
/// groups are drawn with replacement and values without;
/// Kalibera and Jones, *Rigorous Benchmarking in Reasonable Time* (ISMM 2013); for the factor
/// Hesterberg, *What Teachers Should Know about the Bootstrap* (2015), arXiv:1411.5279.
public struct HierarchicalBootstrap: Hashable, Codable, Sendable {
  /// Share of repetitions whose interval would hold the true value.
  public let confidence: Double
  /// Samples drawn.
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

  /// The centre of `sample` with its distribution.
  ///
  /// One group says nothing about how groups differ, and two say next to nothing: there
  /// `loneDeviation`, known from elsewhere, stands for the standard deviation of a group's median
  /// about the true value.
  public func estimate(of sample: NestedSample, loneDeviation: Double) -> ResampledEstimate {
    var generator = ResamplingGenerator(seed: seed)
    return ResampledEstimate(
      value: sample.centre, draws: draws(of: sample, loneDeviation, &generator),
      confidence: confidence)
  }

  /// The centre of `first` minus that of `second`, which were taken apart from each other.
  public func difference(
    of first: NestedSample, minus second: NestedSample, loneDeviation: Double
  ) -> ResampledEstimate {
    var generator = ResamplingGenerator(seed: seed)
    let left = draws(of: first, loneDeviation, &generator)
    let right = draws(of: second, loneDeviation, &generator)
    return ResampledEstimate(
      value: first.centre - second.centre, draws: zip(left, right).map { $0 - $1 },
      confidence: confidence)
  }

  /// The factor by which a bootstrap over so many groups is too narrow.
  ///
  /// `sqrt(n / (n - 1))` because resampling uses the variance about the sample's own mean, times
  /// the quantile of Student's t over that of the normal distribution. 1 below three groups, whose
  /// deviation is not used.
  public func widening(groups: Int) -> Double {
    guard groups > 2 else { return 1 }
    let bias = (Double(groups) / Double(groups - 1)).squareRoot()
    return bias * StudentT.bound(share: confidence, degrees: groups - 1)
      / StudentT.normalBound(share: confidence)
  }

  private func draws(
    of sample: NestedSample, _ loneDeviation: Double, _ generator: inout ResamplingGenerator
  ) -> [Double] {
    let groups = sample.groups
    let centre = sample.centre
    let medians = groups.map(\.median)
    let isFew = groups.count < 3
    let factor = widening(groups: groups.count)
    let deviation = loneDeviation / Double(groups.count).squareRoot()
    var drawn = [Int](repeating: 0, count: groups.map(\.count).max() ?? 0)
    return (0..<resamples).map { _ in
      var sum = 0.0
      for place in groups.indices {
        sum +=
          isFew
          ? resampledMedian(of: groups[place].sorted, &drawn, &generator)
          : medians[generator.index(below: medians.count)]
      }
      let draw = centre + factor * (sum / Double(groups.count) - centre)
      return isFew ? draw + deviation * generator.normal() : draw
    }
  }

  private func resampledMedian(
    of sorted: [Double], _ drawn: inout [Int], _ generator: inout ResamplingGenerator
  ) -> Double {
    guard sorted.count > 1 else { return sorted[0] }
    for rank in sorted.indices { drawn[rank] = 0 }
    for _ in sorted.indices { drawn[generator.index(below: sorted.count)] += 1 }
    return Bootstrap.median(of: sorted, drawn: drawn)
  }
}

extension ResamplingGenerator {
  /// A value of mean 0 and deviation 1, nearly normal.
  ///
  /// A sum of twelve uniform values: it needs no function that differs between platforms.
  mutating func normal() -> Double {
    (0..<12).reduce(-6.0) { sum, _ in sum + Double(next() >> 11) * 0x1p-53 }
  }
}
