// SPDX-License-Identifier: MIT

import Statistics
import Testing

struct RatioTests {
  @Test func medianRatioIsTakenPairByPair() throws {
    // Ratios 2, 2 and 0.5, though the medians of the two columns have the ratio 1.
    let ratios = try PairedRatios(numerators: [2, 20, 5], denominators: [1, 10, 10])
    // exp(log(2)) may be one ulp away from 2.
    #expect(abs(ratios.median - 2) < 1e-15 * 4)
    #expect(ratios.count == 3)
  }

  @Test func driftSharedByBothPartnersCancels() throws {
    let drift = (0..<30).map { 1 + Double($0) }
    let ratios = try PairedRatios(numerators: drift.map { 3 * $0 }, denominators: drift)
    let interval = try #require(ratios.interval())
    // Each log-ratio is log 3 up to the rounding of two logarithms.
    #expect(interval.width < 1e-14)
    #expect(abs(interval.lower - 3) < 1e-14)
  }

  @Test func swappedPairsGiveTheInverse() throws {
    let left = [1.0, 2.5, 3, 9, 4, 7, 5]
    let right = [2.0, 2, 4, 5, 6, 1, 8]
    let forward = try PairedRatios(numerators: left, denominators: right)
    let backward = try PairedRatios(numerators: right, denominators: left)
    // The logarithms are exact negatives; two exponentials round once each.
    #expect(abs(forward.median * backward.median - 1) < 1e-15)
  }

  @Test func badPairsAreRefused() {
    #expect(throws: StatisticsError.unpaired(numerators: 1, denominators: 2)) {
      try PairedRatios(numerators: [1], denominators: [1, 2])
    }
    #expect(throws: StatisticsError.notPositive(index: 1, value: 0)) {
      try PairedRatios(numerators: [1, 1], denominators: [1, 0])
    }
    #expect(throws: StatisticsError.emptySample) {
      try PairedRatios(numerators: [], denominators: [])
    }
  }

  @Test func geometricMeanOfPowersIsTheMiddlePower() throws {
    let mean = try GeometricMean(of: [1, 2, 4, 8, 16])
    // Logarithms, their sum and one exponential round: a few ulps.
    #expect(abs(mean.value - 4) < 1e-14)
    #expect(mean.interval == nil)
    #expect(mean.count == 5)
  }

  @Test func geometricMeanIntervalHoldsTheMean() throws {
    let mean = try GeometricMean(of: [1, 2, 4, 8, 16, 4, 4, 4])
    let interval = try #require(mean.interval)
    #expect(interval.contains(mean.value))
    #expect(interval.lower > 1 && interval.upper < 16)
  }
}
