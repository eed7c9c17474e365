// SPDX-License-Identifier: MIT

import Comparison
import Statistics
import Testing

struct TimeJudgementTests {
  private let policy = ComparisonPolicy()

  @Test func aPlantedFivePercentIsSlowerAndItsInverseFaster() throws {
    var generator = ResamplingGenerator(seed: 1)
    let slow = try #require(
      TimeJudgement(
        .interleaved(Records.pairs(ratio: 1.05, &generator)), policy: policy))
    #expect(slow.verdict == .slower)
    // Two standard errors of five processes that scatter by 0.5 %.
    #expect(abs(slow.ratio - 1.05) < 0.005)
    #expect(slow.pValue < 0.05)
    #expect(slow.processes == 5 && slow.pairs == 40)
    let fast = try #require(
      TimeJudgement(
        .interleaved(Records.pairs(ratio: 1 / 1.05, &generator)), policy: policy))
    #expect(fast.verdict == .faster)
  }

  @Test func differencesBelowTheFloorNeverMatter() throws {
    var generator = ResamplingGenerator(seed: 2)
    // 8 % of 0.2 ms are 16 us; the threshold there is 10 %.
    let judgement = try #require(
      TimeJudgement(
        .interleaved(
          Records.pairs(ratio: 1.08, milliseconds: 0.15, within: 0.002, &generator)),
        policy: policy))
    #expect(judgement.verdict == .same)
    #expect(judgement.threshold > 0.09)
  }

  @Test func driftOfTheMachineCancelsInPairs() throws {
    var generator = ResamplingGenerator(seed: 3)
    var pairs = Records.pairs(ratio: 1, within: 0.002, &generator)
    for index in pairs.indices {
      let drift = Double(index + 1)
      pairs[index].numerators = pairs[index].numerators.map { $0 * drift }
      pairs[index].denominators = pairs[index].denominators.map { $0 * drift }
    }
    #expect(TimeJudgement(.interleaved(pairs), policy: policy)?.verdict == .same)
  }

  @Test func oneProcessThatDiffersMakesTheVerdictAmbiguous() throws {
    var generator = ResamplingGenerator(seed: 4)
    var pairs = Records.pairs(ratio: 1, within: 0.002, &generator)
    pairs[2].numerators = pairs[2].numerators.map { $0 * 1.3 }
    #expect(TimeJudgement(.interleaved(pairs), policy: policy)?.verdict == .ambiguous)
  }

  @Test func chainedRatiosAreFreeOfTheYardstick() throws {
    var generator = ResamplingGenerator(seed: 5)
    let base = Records.pairs(ratio: 0.25, milliseconds: 8, within: 0.003, &generator)
    // The machine runs at half its speed; the mechanism itself lost 8 %.
    let head = Records.pairs(ratio: 0.27, milliseconds: 16, within: 0.003, &generator)
    let judgement = try #require(
      TimeJudgement(.chained(base: base, head: head, yardstick: "flash"), policy: policy))
    #expect(judgement.verdict == .slower)
    #expect(abs(judgement.ratio - 1.08) < 0.01)
    #expect(judgement.yardstick == "flash")
  }

  @Test func unusablePairsAreLeftOutAndNoneIsNoJudgement() {
    let broken = PairedTimes(
      numerators: [.nan, 0, -1, 2], denominators: [1, 1, 1, .infinity])
    #expect(TimeJudgement(.interleaved([broken]), policy: policy) == nil)
    #expect(TimeJudgement(.interleaved([]), policy: policy) == nil)
  }

  @Test func aHundredQuietNightsAreNeverRedAndPlantedOnesAlwaysAre() throws {
    var generator = ResamplingGenerator(seed: 6)
    func verdict(_ ratio: Double) -> Verdict? {
      var time: ConfirmedTime?
      for round in 0..<policy.rounds {
        // Twice the spread between and within processes that a quiet machine shows.
        let pairs = Records.pairs(
          ratio: ratio, processes: 5 << round, between: 0.004, within: 0.02, &generator)
        guard let judgement = TimeJudgement(.interleaved(pairs), policy: policy) else { return nil }
        if time == nil {
          time = ConfirmedTime(judgement, policy: policy)
        } else {
          time?.add(judgement, policy: policy)
        }
        guard time?.needsAnotherRound(policy) == true else { break }
      }
      return time?.verdict
    }
    #expect((0..<100).count { _ in verdict(1) == .slower } == 0)
    // The gap between 5 % and 3 % is five standard errors of the last round.
    #expect((0..<100).count { _ in verdict(1.05) == .slower } >= 97)
  }
}
