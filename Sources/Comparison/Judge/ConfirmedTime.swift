// SPDX-License-Identifier: MIT

/// The rounds in which one case was timed, and what they say together.
///
/// Each round has fresh processes, twice as many as the one before. A case that looks slower once is
/// measured again, so that a false alarm needs two independent accidents.
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
    switch last.verdict {
    case .ambiguous: return true
    case .slower: return verdict != .slower
    case .faster, .same: return false
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
    guard let last = rounds.last, last.verdict == .slower else {
      return (rounds.last?.verdict ?? .ambiguous, nil)
    }
    if let doubt = last.doubt { return (.ambiguous, "slower, but \(doubt)") }
    let slowerRounds = rounds.count { $0.verdict == .slower && $0.doubt == nil }
    guard slowerRounds >= min(2, policy.rounds) else {
      return (.ambiguous, "slower in one round; another must confirm it")
    }
    return (.slower, nil)
  }
}
