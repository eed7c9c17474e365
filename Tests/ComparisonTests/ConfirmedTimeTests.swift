// SPDX-License-Identifier: MIT

import Comparison
import Statistics
import Testing

struct ConfirmedTimeTests {
  private let policy = ComparisonPolicy()

  /// The time after these rounds, each of which was still asked for.
  private func time(_ verdicts: Verdict..., disturbed: Int = 0) throws -> ConfirmedTime {
    var time: ConfirmedTime?
    for (index, verdict) in verdicts.enumerated() {
      var judgement = try #require(
        try Records.judgement(verdict, disturbed: disturbed, seed: UInt64(index + 1)))
      if verdict == .ambiguous {
        judgement.ratio = 1.01
        judgement.interval = Interval(0.98, 1.04)
      }
      if time == nil {
        time = ConfirmedTime(judgement, policy: policy)
      } else {
        #expect(time?.needsAnotherRound(policy) == true)
        time?.add(judgement, policy: policy)
      }
    }
    return try #require(time)
  }

  @Test func slowerOnceIsNotRed() throws {
    let once = try time(.slower)
    #expect(once.verdict == .ambiguous)
    #expect(once.needsAnotherRound(policy))
    #expect(once.remark != nil)
    #expect(once.mayBeSlower)
  }

  @Test func slowerTwiceIsRed() throws {
    for rounds in [try time(.slower, .slower), try time(.slower, .ambiguous, .slower)] {
      #expect(rounds.verdict == .slower)
      #expect(!rounds.needsAnotherRound(policy))
    }
    #expect(try time(.ambiguous, .slower).needsAnotherRound(policy))
    #expect(try time(.ambiguous, .slower, .slower).verdict == .slower)
  }

  @Test func aFalseAlarmIsTakenBackByTheNextRound() throws {
    let settled = try time(.slower, .same)
    #expect(settled.verdict == .same)
    #expect(!settled.needsAnotherRound(policy))
    #expect(!settled.mayBeSlower)
  }

  @Test func slowerInTheLastRoundAloneStaysOpen() throws {
    let open = try time(.ambiguous, .ambiguous, .slower)
    #expect(open.verdict == .ambiguous)
    #expect(!open.needsAnotherRound(policy))
  }

  @Test(arguments: [(1.02, Verdict.slower), (0.99, .ambiguous)])
  func anEstimateBeyondWhatMattersConfirmsIfNoChangeIsRuledOut(
    lower: Double, expected: Verdict
  ) throws {
    let slower = try #require(try Records.judgement(.slower))
    var wide = try #require(try Records.judgement(.ambiguous))
    wide.ratio = 1.05
    wide.interval = Interval(lower, 1.08)
    for (first, second) in [(slower, wide), (wide, slower)] {
      var time = ConfirmedTime(first, policy: policy)
      time.add(second, policy: policy)
      #expect(time.verdict == expected)
      #expect(time.needsAnotherRound(policy) == (expected == .ambiguous))
    }
  }

  @Test func sameAndFasterNeedNoSecondRound() throws {
    #expect(try !time(.same).needsAnotherRound(policy))
    #expect(try !time(.faster).needsAnotherRound(policy))
    #expect(try time(.faster).verdict == .faster)
  }

  @Test func aSideThatOthersDisturbedAloneCannotConfirm() throws {
    // Ten of forty, all on one side: a coin does so once in a thousand times; five once in 32.
    let disturbed = try time(.slower, .slower, .slower, disturbed: 2)
    #expect(disturbed.verdict == .ambiguous)
    #expect(disturbed.remark?.contains("one side alone in 10 pairs and the other in 0") == true)
    #expect(try time(.slower, .slower, disturbed: 1).verdict == .slower)
  }

  @Test func storedRunsCannotBeMeasuredAgain() throws {
    let judgement = try #require(try Records.judgement(.slower))
    #expect(ConfirmedTime.stored(judgement, policy: policy).verdict == .slower)
  }
}
