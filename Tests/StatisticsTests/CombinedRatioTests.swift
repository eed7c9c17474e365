// SPDX-License-Identifier: MIT

import Statistics
import Testing

struct CombinedRatioTests {
  @Test func oneRatioIsItself() throws {
    let combined = try CombinedRatio(of: [(1.1, Interval(1.05, 1.2))])
    // Two logarithms and an exponential: a few ulps.
    #expect(abs(combined.value - 1.1) < 1e-14)
    #expect(abs(combined.interval.lower - 1.05) < 1e-14)
    #expect(abs(combined.interval.upper - 1.2) < 1e-14)
  }

  @Test func errorsOfEqualCasesShrinkWithTheRootOfTheirNumber() throws {
    // Four times exp(0.1 +- 0.04): half the width remains, 0.1 +- 0.02.
    let one = (1.105_170_918_075_647_6, Interval(1.061_836_546_545_359_6, 1.150_273_798_857_227_4))
    let combined = try CombinedRatio(of: [one, one, one, one])
    #expect(combined.count == 4)
    #expect(abs(combined.value - one.0) < 1e-13)
    #expect(abs(combined.interval.lower - 1.083_287_067_674_958_6) < 1e-12)
    #expect(abs(combined.interval.upper - 1.127_496_851_579_375_7) < 1e-12)
  }

  @Test func oppositeChangesCancel() throws {
    let combined = try CombinedRatio(of: [(2, Interval(2, 2)), (0.5, Interval(0.5, 0.5))])
    #expect(abs(combined.value - 1) < 1e-15)
    #expect(throws: StatisticsError.emptySample) { try CombinedRatio(of: []) }
  }
}
