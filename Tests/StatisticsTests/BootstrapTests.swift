// SPDX-License-Identifier: MIT

import Statistics
import Testing

struct BootstrapTests {
  @Test func generatorGivesThePublishedSequence() {
    // The first outputs of the authors' reference program for seed 1234567.
    var generator = ResamplingGenerator(seed: 1_234_567)
    #expect(generator.next() == 6_457_827_717_110_365_317)
    #expect(generator.next() == 3_203_168_211_198_807_973)
    #expect(generator.next() == 9_817_491_932_198_370_423)
  }

  @Test func indicesReachEveryPlaceAndNoOther() {
    var generator = ResamplingGenerator(seed: 3)
    var seen = [Int](repeating: 0, count: 5)
    for _ in 0..<500 { seen[generator.index(below: 5)] += 1 }
    // Expected 100 each with a deviation of 9; 50 is more than five deviations away.
    #expect(seen.allSatisfy { $0 > 50 })
  }

  @Test func shuffleKeepsEveryElement() {
    var generator = ResamplingGenerator(seed: 8)
    var values = Array(0..<20)
    generator.shuffle(&values)
    #expect(values != Array(0..<20))
    #expect(values.sorted() == Array(0..<20))
  }

  @Test func sameSeedGivesTheSameInterval() throws {
    let sample = try Sample((0..<40).map { Double($0 * $0 % 37) })
    let first = Bootstrap(seed: 5).medianInterval(of: sample)
    #expect(first == Bootstrap(seed: 5).medianInterval(of: sample))
    let mean = Bootstrap(seed: 5).meanInterval(of: sample)
    #expect(mean != Bootstrap(seed: 6).meanInterval(of: sample))
  }

  @Test func medianIntervalMatchesTheExactBootstrapDistribution() throws {
    // For 0...10 the resampled median is at most k if at least 6 of 11 draws are at most k, a
    // binomial tail: P(median <= 1) = 0.0076, P(median <= 2) = 0.0550, and alike from above. The
    // 2.5 % points are therefore 2 and 8.
    let sample = try Sample((0...10).map(Double.init))
    #expect(Bootstrap(resamples: 4000, seed: 1).medianInterval(of: sample) == Interval(2, 8))
  }

  @Test func intervalOfAMeanMatchesTheStandardError() throws {
    let sample = try Sample((0..<400).map { Double($0 % 20) })
    let interval = try #require(Bootstrap(seed: 2).meanInterval(of: sample))
    // Mean 9.5, deviation sqrt(399 / 12), standard error 0.2883: 1.96 of them each way. The ends
    // of 2000 resamples scatter by about 0.02.
    #expect(abs(interval.lower - (9.5 - 0.5651)) < 0.08)
    #expect(abs(interval.upper - (9.5 + 0.5651)) < 0.08)
  }

  @Test func aConstantSampleHasAnIntervalOfNoWidth() throws {
    let sample = try Sample([Double](repeating: 4, count: 9))
    #expect(Bootstrap().medianInterval(of: sample) == Interval(4, 4))
  }

  @Test func tooFewValuesHaveNoInterval() throws {
    #expect(Bootstrap().minimumCount == 6)
    #expect(Bootstrap(confidence: 0.99).minimumCount == 8)
    #expect(Bootstrap().medianInterval(of: try Sample([1, 2, 3, 4, 5])) == nil)
    #expect(Bootstrap().medianInterval(of: try Sample([1, 2, 3, 4, 5, 6])) != nil)
  }

  @Test func higherConfidenceIsWider() throws {
    let sample = try Sample((0..<50).map(Double.init))
    let narrow = try #require(Bootstrap(confidence: 0.5).medianInterval(of: sample))
    let wide = try #require(Bootstrap(confidence: 0.99).medianInterval(of: sample))
    #expect(narrow.width < wide.width)
  }
}
