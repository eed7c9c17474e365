// SPDX-License-Identifier: MIT

import Statistics
import Testing

struct OutlierTests {
  @Test func modifiedZScoresFollowTheDefinition() throws {
    // Median 3, MAD 1.
    let scores = try Sample([1, 2, 3, 4, 13]).modifiedZScores()
    // One rounding of the product each.
    let expected = [-1.349, -0.6745, 0, 0.6745, 6.745]
    for (score, value) in zip(scores, expected) { #expect(abs(score - value) < 1e-12) }
  }

  @Test func farValuesAreClassifiedOnBothSidesAndKept() throws {
    let sample = try Sample([10, 11, 12, 13, 14, 100, -80])
    #expect(
      sample.outliers()
        == [.regular, .regular, .regular, .regular, .regular, .high, .low])
    #expect(sample.count == 7)
  }

  @Test func meanDeviationStandsInWhenMostValuesAreEqual() throws {
    let sample = try Sample([5, 5, 5, 5, 5, 5, 5, 5, 5, 6])
    #expect(sample.medianAbsoluteDeviation == 0)
    #expect(sample.outliers().last == .high)
    #expect(sample.outliers().count { $0 == .regular } == 9)
  }

  @Test func aConstantSampleHasNoOutliers() throws {
    #expect(try Sample([7, 7, 7]).modifiedZScores() == [0, 0, 0])
  }
}
