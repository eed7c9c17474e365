// SPDX-License-Identifier: MIT

/// The rounds in which one case was timed, and what they say together.
///
/// Each round has fresh processes, twice as many as the one before. A round that finds a case slower
/// by more than what matters needs another one, of whatever length, that agrees: its estimate lies
/// beyond what matters too, and its interval beyond no change. So a false alarm needs two independent
/// accidents, and a short first round does not veto a long last one.
public struct ConfirmedTime: Hashable, Codable, Sendable {
  public private(set) var rounds: [TimeJudgement]
  public private(set) var verdict: Verdict
  /// Why the verdict is not that of the last round.
  public private(set) var remark: String?

  public init(_ first: TimeJudgement, policy: ComparisonPolicy) {
    rounds = [first]
    (verdict, remark) = Self.settle(rounds, policy)
  }

  /// Adds another round.
  public mutating func add(_ round: TimeJudgement, policy: ComparisonPolicy) {
    rounds.append(round)
    (verdict, remark) = Self.settle(rounds, policy)
  }

  /// A slower time that two rounds must not confirm: stored runs cannot be measured again.
  public static func stored(
    _ judgement: TimeJudgement, policy: ComparisonPolicy
  ) -> ConfirmedTime {
    var single = policy
    single.rounds = 1
    return ConfirmedTime(judgement, policy: single)
  }

  /// The last round.
  public var last: TimeJudgement { rounds[rounds.count - 1] }

  /// Whether the last round does not rule out a change for the worse that matters.
  public var mayBeSlower: Bool {
    verdict == .slower || verdict == .ambiguous && last.interval.upper > 1 + last.threshold
  }

  /// Whether another round could change the verdict and is allowed.
  public func needsAnotherRound(_ policy: ComparisonPolicy) -> Bool {
    guard rounds.count < policy.rounds else { return false }
    return switch last.verdict {
    case .ambiguous, .slower: verdict != .slower
    case .faster, .same: false
    }
  }

  mutating func set(qValue: Double) {
    rounds[rounds.count - 1].qValue = qValue
  }

  mutating func withhold(_ remark: String) {
    verdict = .ambiguous
    self.remark = remark
  }

  private static func settle(
    _ rounds: [TimeJudgement], _ policy: ComparisonPolicy
  ) -> (Verdict, String?) {
    guard let last = rounds.last, last.verdict == .slower || last.verdict == .ambiguous else {
      return (rounds.last?.verdict ?? .ambiguous, nil)
    }
    if last.verdict == .slower, let doubt = last.doubt {
      return (.ambiguous, "slower, but \(doubt)")
    }
    guard rounds.contains(where: { $0.verdict == .slower && $0.doubt == nil }) else {
      return (.ambiguous, nil)
    }
    guard rounds.count(where: \.agreesThatItIsSlower) >= min(2, policy.rounds) else {
      return (.ambiguous, "slower in one round; another must confirm it")
    }
    return (.slower, nil)
  }
}

extension TimeJudgement {
  /// Whether the round by itself speaks for a slower time, if not for how much.
  fileprivate var agreesThatItIsSlower: Bool {
    doubt == nil && ratio > 1 + threshold && interval.lower > 1
  }
}
