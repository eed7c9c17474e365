// SPDX-License-Identifier: MIT

import Statistics
import Testing

struct EDivisiveTests {
  /// Values around `level`, from a sequence that no platform changes.
  private func nights(_ count: Int, level: Double, spread: Double, seed: UInt64) -> [Double] {
    var generator = ResamplingGenerator(seed: seed)
    return (0..<count).map { _ in
      // Four uniform steps: a bell of deviation 2.9 steps.
      let step = (0..<4).reduce(0) { sum, _ in sum + generator.index(below: 6) }
      return level + spread * (Double(step) - 10) / 2.9
    }
  }

  @Test func statisticFollowsTheDefinition() throws {
    // Evaluated pair by pair from equations 5 to 7 of the paper with numpy, no sum being kept: the
    // strongest split of the twenty values is 10 with the right side ending at 15, Q = 508 / 9.
    let series = try Sample([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 15, 18, 12, 18, 14, 5, 9, 0, 4, 5])
    let points = EDivisive(minimumSegment: 3, significance: 0.05).changePoints(in: series)
    #expect(points.map(\.index) == [10, 15])
    let first = try #require(points.first)
    // A few dozen additions of integers and six divisions.
    #expect(abs(first.statistic - 508.0 / 9) < 1e-12)
    #expect(first.before == 3.5)
    #expect(first.after == 15)
    #expect(points.last?.after == 5)
    // The same with distances to the power 1/2.
    let rooted = EDivisive(minimumSegment: 3, significance: 0.05, exponent: 0.5)
    let statistic = try #require(rooted.changePoints(in: series).first).statistic
    #expect(abs(statistic - 11.639_714_150_979_898) < 1e-12)
  }

  @Test func pValueMatchesTheFullPermutationDistribution() throws {
    // Sides of three leave one split of six values. Of the 20 ways to choose the left side two are
    // as strong (Q = 9 / 6 * (2 * 10 - 4 / 3 - 4 / 3) = 26), so the chance is 0.1.
    let search = EDivisive(minimumSegment: 3, significance: 0.5, shuffles: 9999)
    let point = try #require(search.changePoints(in: Sample([1, 2, 3, 11, 12, 13])).first)
    #expect(point.index == 3)
    #expect(abs(point.statistic - 26) < 1e-12)
    // The deviation of the share of 9999 shuffles is 0.003; four of them.
    #expect(abs(point.pValue - 0.1) < 0.012)
  }

  @Test func aStepIsFoundWhereItIs() throws {
    for (place, seed) in zip([5, 20, 50, 83, 95], UInt64(1)...) {
      let values =
        nights(place, level: 100, spread: 1, seed: seed)
        + nights(100 - place, level: 105, spread: 1, seed: seed + 100)
      let points = EDivisive().changePoints(in: try Sample(values))
      #expect(points.map(\.index) == [place])
      // Medians of five values of deviation 1 scatter by 0.5; the step is 5.
      #expect(abs(try #require(points.first).after - 105) < 2)
      #expect(abs(try #require(points.first).before - 100) < 2)
    }
  }

  @Test func severalStepsAndAnExcursionAreFound() throws {
    let values =
      nights(30, level: 10, spread: 0.1, seed: 1) + nights(8, level: 12, spread: 0.1, seed: 2)
      + nights(32, level: 10, spread: 0.1, seed: 3) + nights(30, level: 9, spread: 0.1, seed: 4)
    let points = EDivisive().changePoints(in: try Sample(values))
    #expect(points.map(\.index) == [30, 38, 70])
  }

  @Test func aChangeOfSpreadAloneIsAChange() throws {
    let values =
      nights(50, level: 100, spread: 0.2, seed: 5) + nights(50, level: 100, spread: 6, seed: 6)
    let points = EDivisive().changePoints(in: try Sample(values))
    #expect(points.count == 1)
    // Small deviations on the loud side look quiet: the place is known to a few nights.
    #expect(abs(try #require(points.first).index - 50) <= 5)
  }

  @Test func seriesWithoutChangeRarelyShowOne() throws {
    // Significance 0.01: 0.6 of 60 expected, more than 4 with probability 0.0004.
    let search = EDivisive(shuffles: 199)
    let alarms = try (0..<60).count { seed in
      let series = try Sample(nights(40, level: 50, spread: 1, seed: UInt64(1000 + seed)))
      return !search.changePoints(in: series).isEmpty
    }
    #expect(alarms <= 4)
  }

  @Test func constantAndShortSeriesHaveNoChange() throws {
    let constant = try Sample([Double](repeating: 3, count: 60))
    #expect(EDivisive().changePoints(in: constant).isEmpty)
    #expect(EDivisive().changePoints(in: try Sample([1])).isEmpty)
    #expect(EDivisive().changePoints(in: try Sample([1, 1, 1, 1, 9, 9, 9, 9, 9])).isEmpty)
    let alternating = try Sample((0..<40).map { Double($0 % 2) })
    #expect(EDivisive().changePoints(in: alternating).isEmpty)
  }

  @Test func scaleAndShiftMoveNoChangePoint() throws {
    let values =
      nights(25, level: 4, spread: 0.5, seed: 7) + nights(25, level: 6, spread: 0.5, seed: 8)
    let plain = EDivisive().changePoints(in: try Sample(values))
    let moved = EDivisive().changePoints(in: try Sample(values.map { 1024 * $0 - 4096 }))
    #expect(plain.map(\.index) == moved.map(\.index))
    #expect(plain.map(\.pValue) == moved.map(\.pValue))
    #expect(plain == EDivisive().changePoints(in: try Sample(values)))
  }

  @Test func aChangeNeedsSegmentsOfTheSmallestLength() throws {
    let values =
      nights(60, level: 1, spread: 0.01, seed: 9) + nights(7, level: 2, spread: 0.01, seed: 10)
    #expect(EDivisive().changePoints(in: try Sample(values)).map(\.index) == [60])
    let patient = EDivisive(minimumSegment: 20).changePoints(in: try Sample(values))
    #expect(patient.allSatisfy { $0.index <= 47 })
  }
}
