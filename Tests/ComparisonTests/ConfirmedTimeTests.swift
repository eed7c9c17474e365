// SPDX-License-Identifier: MIT

import Comparison
import Testing

struct ConfirmedTimeTests {
  private let policy = ComparisonPolicy()

  /// The time after these rounds, each of which was still asked for.
  private func time(_ verdicts: Verdict..., disturbed: Int = 0) throws -> ConfirmedTime {
    var time: ConfirmedTime?
    for (index, verdict) in verdicts.enumerated() {
      let judgement = try #require(
        try Records.judgement(verdict, disturbed: disturbed, seed: UInt64(index + 1)))
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
