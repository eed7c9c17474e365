// SPDX-License-Identifier: MIT

/// What a comparison comes to, and why.
public struct ComparisonOutcome: Hashable, Codable, Sendable {
  public enum Kind: String, Hashable, Codable, Sendable, CaseIterable {
    case fine
    case regression
    /// A kernel is wrong, or counted work differs from planned work.
    case incorrect
    /// A control failed: the machine's verdicts on time are worth nothing now.
    case unfit
    /// A case may be slower, and all allowed rounds could not tell.
    case inconclusive
    /// Fewer cases were compared than had to be.
    case tooLittle
  }

  public var kind: Kind
  /// What led to ``kind``, one sentence each; and what else is wrong, after it.
  public var reasons: [String]

  /// The exit code of the command.
  public var exitCode: Int32 {
    switch kind {
    case .fine: 0
    case .regression: 3
    case .incorrect: 4
    case .unfit, .inconclusive: 5
    case .tooLittle: 6
    }
  }

  /// One word for headings.
  public var word: String {
    switch kind {
    case .fine: "PASSED"
    case .regression: "REGRESSION"
    case .incorrect: "INCORRECT"
    case .unfit: "UNFIT"
    case .inconclusive: "INCONCLUSIVE"
    case .tooLittle: "TOO LITTLE MEASURED"
    }
  }

  /// The worst of what `cases`, `controls` and coverage say.
  ///
  /// What has no noise comes first: wrong results, then exact quantities that grew. Verdicts on time
  /// count only if every control came out as it had to.
  init(cases: [CaseComparison], controls: [ControlResult], policy: ComparisonPolicy) {
    let findings = Self.findings(cases, controls, policy)
    kind = findings.first?.kind ?? .fine
    reasons = findings.map(\.reason)
  }

  private static func findings(
    _ cases: [CaseComparison], _ controls: [ControlResult], _ policy: ComparisonPolicy
  ) -> [(kind: Kind, reason: String)] {
    var found: [(kind: Kind, reason: String)] = []
    for item in cases {
      guard case .failed(let reason) = item.coverage else { continue }
      found.append((.incorrect, "\(item.caseID): \(reason)"))
    }
    for item in cases {
      for quantity in item.exactRegressions {
        let word = quantity.quantity.word(quantity.verdict)
        found.append((.regression, "\(item.caseID): \(word), \(quantity.changeText)"))
      }
    }
    for control in controls where control.time != nil {
      if let objection = control.objection { found.append((.unfit, objection)) }
    }
    // Without controls nobody knows what a verdict on time is worth.
    for control in controls where control.time == nil {
      if let objection = control.objection { found.append((.tooLittle, objection)) }
    }
    for item in cases {
      guard let time = item.time, time.verdict == .slower else { continue }
      found.append((.regression, "\(item.caseID): SLOWER, \(time.last.changeText)"))
    }
    for item in cases {
      guard let time = item.time, time.verdict == .ambiguous, time.mayBeSlower else { continue }
      let remark = time.remark.map { "; \($0)" } ?? ""
      found.append((.inconclusive, "\(item.caseID): undecided, \(time.last.changeText)\(remark)"))
    }
    let coverage = Coverage(cases)
    if coverage.share < policy.minimumCoverage {
      found.append((.tooLittle, coverage.text))
    }
    return found
  }
}
