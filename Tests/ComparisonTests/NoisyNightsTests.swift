// SPDX-License-Identifier: MIT

import Comparison
import Statistics
import Testing

/// False alarms and power of the procedure on machines of known noise; every seed is fixed.
struct NoisyNightsTests {
  private let policy = ComparisonPolicy()

  private func counts(
    _ machine: NoisyMachine, ratio: Double, nights: Int
  ) -> (slower: Int, faster: Int, same: Int, open: Int) {
    var machine = machine
    let verdicts = (0..<nights).compactMap { _ in
      machine.verdict(ratio: ratio, policy: policy)?.verdict
    }
    func count(_ verdict: Verdict) -> Int { verdicts.count { $0 == verdict } }
    return (count(.slower), count(.faster), count(.same), count(.ambiguous))
  }

  @Test func burstsThatHitSingleSamplesRaiseNoAlarmAndHideNoSlowdown() {
    // One sample in seven is slowed down by half; one pair in five is lopsided.
    let quiet = counts(NoisyMachine(seed: 11), ratio: 1, nights: 400)
    #expect(quiet.slower == 0 && quiet.faster == 0)
    #expect(quiet.same >= 392, "\(quiet)")
    let planted = counts(NoisyMachine(seed: 12), ratio: 1.05, nights: 200)
    #expect(planted.slower >= 196, "\(planted)")
  }

  @Test func marksThatMeanNothingCostNoVerdict() {
    var machine = NoisyMachine(seed: 13)
    machine.burstBegin = 0
    machine.markOutside = 0.5
    #expect(counts(machine, ratio: 1, nights: 200).same >= 196)
    #expect(counts(machine, ratio: 1.05, nights: 200).slower >= 196)
  }

  @Test func aDrownedMachineIsUndecidedAndNotRed() {
    var machine = NoisyMachine(seed: 14)
    machine.burstBegin = 0.6
    machine.burstStay = 0.8
    machine.burstCost = 2
    machine.drift = 0.1
    let drowned = counts(machine, ratio: 1, nights: 200)
    #expect(drowned.slower == 0, "\(drowned)")
    // A faster time needs one round and comes by chance: it is not red.
    #expect(drowned.open >= 180, "\(drowned)")
    let evidence = TimeEvidence.interleaved(machine.pairs(ratio: 1, processes: 5))
    #expect(TimeJudgement(evidence, policy: policy)?.isDrowned == true)
  }

  @Test func intervalsHoldTheTruthAsOftenAsTheySay() {
    for (seed, stay) in [(15, 0.4), (16, 0.7)] as [(UInt64, Double)] {
      var machine = NoisyMachine(seed: seed)
      machine.burstStay = stay
      let misses = (0..<500).count { _ in
        let evidence = TimeEvidence.interleaved(machine.pairs(ratio: 1.02, processes: 5))
        return TimeJudgement(evidence, policy: policy)?.interval.contains(1.02) == false
      }
      // 25 are expected at 95 %; 40 are three standard deviations more.
      #expect(misses <= 40, "\(misses) of 500 with bursts that stay with \(stay)")
    }
  }

  @Test func leavingOutLopsidedPairsNarrowsTheInterval() throws {
    var all = policy
    all.takesLopsidedPairs = true
    var machine = NoisyMachine(seed: 17)
    // Bursts that are over with the next sample: most of the pairs that meet one are lopsided.
    machine.burstBegin = 0.2
    machine.burstStay = 0.2
    var widths = (even: 0.0, all: 0.0)
    for _ in 0..<50 {
      let evidence = TimeEvidence.interleaved(machine.pairs(ratio: 1, processes: 10))
      widths.even += try #require(TimeJudgement(evidence, policy: policy)).interval.width
      widths.all += try #require(TimeJudgement(evidence, policy: all)).interval.width
    }
    #expect(widths.even < 0.9 * widths.all, "\(widths)")
  }

  @Test func aSlowerSideThatAloneIsDisturbedIsInDoubt() throws {
    var machine = NoisyMachine(seed: 18)
    machine.burstBegin = 0
    machine.markOutside = 0
    // What runs on the judged side takes CPUs from itself: every sample is marked, no partner is.
    let pairs = machine.pairs(ratio: 1.1, processes: 5).map {
      PairedTimes(
        numerators: $0.numerators, denominators: $0.denominators,
        disturbedNumerators: Array($0.numerators.indices))
    }
    let judgement = try #require(TimeJudgement(.interleaved(pairs), policy: policy))
    #expect(judgement.verdict == .slower)
    #expect(judgement.doubt?.contains("one side alone in 40 pairs and the other in 0") == true)
    var time = ConfirmedTime(judgement, policy: policy)
    time.add(judgement, policy: policy)
    time.add(judgement, policy: policy)
    #expect(time.verdict == .ambiguous)
    #expect(time.mayBeSlower)
  }

  @Test func noSingleProcessDecidesASlowerTime() throws {
    var generator = ResamplingGenerator(seed: 19)
    var pairs = Records.pairs(ratio: 1.02, within: 0.002, &generator)
    for factor in [1.1, 1.5, 3] {
      pairs[1].numerators = pairs[1].denominators.map { $0 * factor }
      let judgement = try #require(TimeJudgement(.interleaved(pairs), policy: policy))
      #expect(judgement.verdict != .slower, "one process of five is slower by \(factor)")
    }
  }
}
