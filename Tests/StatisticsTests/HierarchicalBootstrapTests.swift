// SPDX-License-Identifier: MIT

import Statistics
import Testing

struct HierarchicalBootstrapTests {
  /// A nearly normal value from a sequence that no platform changes.
  private func normal(_ generator: inout ResamplingGenerator) -> Double {
    (0..<12).reduce(-6.0) { sum, _ in sum + Double(generator.index(below: 1 << 20)) * 0x1p-20 }
  }

  /// Groups whose true centres scatter by `between` about `centre`, their values by `within`.
  private func sample(
    groups: Int, values: Int, centre: Double, between: Double, within: Double,
    _ generator: inout ResamplingGenerator
  ) throws -> NestedSample {
    try NestedSample(
      (0..<groups).map { _ in
        let middle = centre + between * normal(&generator)
        return (0..<values).map { _ in middle + within * normal(&generator) }
      })
  }

  @Test func centreIsTheMeanOfTheMediansOfGroups() throws {
    let sample = try NestedSample([[1, 2, 90], [], [4, 6]])
    #expect(sample.groups.count == 2)
    #expect(sample.count == 5)
    #expect(sample.centre == 3.5)
    // Medians 2 and 5: deviation 3 / sqrt 2.
    #expect(abs((sample.deviationOfGroups ?? 0) - 4.5.squareRoot()) < 1e-15)
    #expect(throws: StatisticsError.emptySample) { try NestedSample([[], []]) }
  }

  @Test func boundsOfTheTDistributionMatchPublishedOnes() {
    // scipy.stats.t.ppf(0.975, n), and the normal quantiles of scipy.stats.norm.
    let published: [(Int, Double)] = [
      (1, 12.706_204_736_174_694), (2, 4.302_652_729_749_462), (3, 3.182_446_305_283_707_8),
      (4, 2.776_445_105_197_793_4), (5, 2.570_581_835_636_314_5), (9, 2.262_157_162_798_205),
      (30, 2.042_272_456_301_238), (100, 1.983_971_518_523_551_8),
    ]
    for (degrees, bound) in published {
      // Bisection ends at the spacing of doubles; the tangent steepens it by at most 200.
      #expect(abs(StudentT.bound(share: 0.95, degrees: degrees) - bound) < 1e-12 * bound)
    }
    #expect(abs(StudentT.normalBound(share: 0.95) - 1.959_963_984_540_054) < 1e-12)
    #expect(abs(StudentT.normalBound(share: 0.99) - 2.575_829_303_548_900_4) < 1e-12)
    #expect(abs(StudentT.bound(share: 0.95, degrees: 5000) - 1.960_443) < 1e-3)
  }

  @Test func intervalOfEqualGroupsIsThatOfStudent() throws {
    // Values within a group are equal: the interval is that of a mean of 12 values with deviation
    // sqrt(13): 6.5 +- t(11) sqrt(13 / 12) = 6.5 +- 2.2910.
    let sample = try NestedSample((1...12).map { [Double($0), Double($0)] })
    let estimate = HierarchicalBootstrap(resamples: 8000, seed: 3)
      .estimate(of: sample, loneDeviation: 0)
    #expect(estimate.value == 6.5)
    // Percentiles of 8000 draws scatter by 1.5 % of the half width; resampled uniform values have
    // slightly lighter tails than normal ones.
    #expect(abs(estimate.interval.lower - (6.5 - 2.291)) < 0.12)
    #expect(abs(estimate.interval.upper - (6.5 + 2.291)) < 0.12)
  }

  @Test func intervalsHoldTheTruthAsOftenAsTheySay() throws {
    var generator = ResamplingGenerator(seed: 11)
    for (groups, between) in [(3, 1.0), (5, 0.3), (5, 2.0), (10, 1.0)] {
      let hits = try (0..<300).count { repetition in
        let sample = try sample(
          groups: groups, values: 9, centre: 7, between: between, within: 1, &generator)
        let bootstrap = HierarchicalBootstrap(resamples: 400, seed: UInt64(repetition))
        return bootstrap.estimate(of: sample, loneDeviation: 0).interval.contains(7)
      }
      // 285 of 300 with a deviation of 3.8 if exact; four of them to either side is the limit.
      #expect((270...300).contains(hits), "\(groups) groups, deviation \(between): \(hits) of 300")
    }
  }

  @Test func scatterWithinGroupsCountsOnce() throws {
    var generator = ResamplingGenerator(seed: 12)
    var width = 0.0
    for repetition in 0..<100 {
      let sample = try sample(
        groups: 10, values: 9, centre: 7, between: 0, within: 1, &generator)
      width +=
        HierarchicalBootstrap(resamples: 400, seed: UInt64(repetition))
        .estimate(of: sample, loneDeviation: 0).interval.width / 100
    }
    // The median of nine normal values has the deviation 0.408 (scipy.stats, order statistics): the
    // mean of ten lies within t(9) 0.408 / sqrt 10 = 0.292. Counted twice it would be 1.41 of that.
    #expect(abs(width / 2 / 0.292 - 1) < 0.1, "\(width / 2)")
  }

  @Test func onePlainGroupHasTheIntervalOfItsMedian() throws {
    // As for the plain bootstrap: the 2.5 % points of the resampled median of 0...10 are 2 and 8.
    let sample = try NestedSample([(0...10).map(Double.init)])
    let estimate = HierarchicalBootstrap(resamples: 4000, seed: 1)
      .estimate(of: sample, loneDeviation: 0)
    #expect(estimate.interval == Interval(2, 8))
  }

  @Test func oneGroupTakesTheDeviationOfGroupsFromElsewhere() throws {
    let sample = try NestedSample([[5, 5, 5]])
    let estimate = HierarchicalBootstrap(resamples: 8000, seed: 1)
      .estimate(of: sample, loneDeviation: 0.5)
    // 1.96 deviations each way; the percentile of 8000 draws scatters by 3 % of a deviation.
    #expect(abs(estimate.interval.lower - (5 - 0.98)) < 0.06)
    #expect(abs(estimate.interval.upper - (5 + 0.98)) < 0.06)
  }

  @Test func twoGroupsAreTooFewToShowTheirDeviation() throws {
    let sample = try NestedSample([[5, 5], [6, 6]])
    let estimate = HierarchicalBootstrap(resamples: 8000, seed: 1)
      .estimate(of: sample, loneDeviation: 0.5)
    // 1.96 deviations of a mean of two each way: 0.693.
    #expect(estimate.value == 5.5)
    #expect(abs(estimate.interval.width / 2 - 0.693) < 0.05)
    #expect(HierarchicalBootstrap().widening(groups: 2) == 1)
    // t(2) / z = 2.1953, times sqrt(3 / 2).
    #expect(abs(HierarchicalBootstrap().widening(groups: 3) - 2.6887) < 1e-3)
  }

  @Test func differencesAddTheSpreadOfBothSides() throws {
    var generator = ResamplingGenerator(seed: 21)
    let first = try sample(
      groups: 40, values: 5, centre: 3, between: 3, within: 0, &generator)
    let second = try sample(
      groups: 40, values: 5, centre: 1, between: 4, within: 0, &generator)
    let bootstrap = HierarchicalBootstrap(resamples: 4000, seed: 2)
    let difference = bootstrap.difference(of: first, minus: second, loneDeviation: 0)
    let left = try #require(first.deviationOfGroups)
    let right = try #require(second.deviationOfGroups)
    // Welch: the standard errors add in squares; t(39) = 2.0227 on each side.
    let expected = 2 * 2.0227 * ((left * left + right * right) / 40).squareRoot()
    #expect(abs(difference.interval.width / expected - 1) < 0.06)
    #expect(difference.value == first.centre - second.centre)
    let swapped = bootstrap.difference(of: second, minus: first, loneDeviation: 0)
    #expect(swapped.value == -difference.value)
  }

  @Test func sameSeedGivesTheSameDraws() throws {
    let sample = try NestedSample([[1, 2, 3], [2, 3, 5]])
    let draws = HierarchicalBootstrap(seed: 4).estimate(of: sample, loneDeviation: 0).draws
    #expect(draws == HierarchicalBootstrap(seed: 4).estimate(of: sample, loneDeviation: 0).draws)
    #expect(draws != HierarchicalBootstrap(seed: 5).estimate(of: sample, loneDeviation: 0).draws)
  }

  @Test func pValueIsSmallJustWhenTheIntervalLiesBeyondTheBound() throws {
    var generator = ResamplingGenerator(seed: 31)
    for step in 0..<60 {
      let sample = try sample(
        groups: 6, values: 5, centre: Double(step - 30) / 10, between: 0.5, within: 0.5,
        &generator)
      let estimate = HierarchicalBootstrap(seed: UInt64(step))
        .estimate(of: sample, loneDeviation: 0)
      let isBeyond = estimate.interval.lower > 1 || estimate.interval.upper < -1
      let pValue = estimate.pValue(within: 1)
      // Two of 2000 draws is the rounding of a percentile.
      if isBeyond { #expect(pValue <= 0.052) } else { #expect(pValue >= 0.048) }
    }
  }
}
