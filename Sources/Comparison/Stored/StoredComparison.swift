// SPDX-License-Identifier: MIT

import ResultStore

/// The comparison of two stored sides, which cannot be measured again.
public struct StoredComparison {
  /// One entry per case of either side.
  public let cases: [CaseComparison]
  public let notes: [String]
  /// The policy with the deviation between runs that was found.
  public let policy: ComparisonPolicy

  public init(base: StoredRuns, head: StoredRuns, policy: ComparisonPolicy) {
    var policy = policy
    var notes: [String] = []
    if base.runs.count == 1 || head.runs.count == 1 {
      // Several runs on one side tell how runs differ; the other side borrows it.
      let found = [base.deviationOfRuns, head.deviationOfRuns].compactMap { $0 }.max()
      policy.loneDeviation = found ?? policy.loneDeviation
      notes.append(
        "one run says nothing about how runs differ: a deviation of "
          + PercentText.plain(policy.loneDeviation)
          + (found == nil
            ? " is assumed; give several runs on each side, or use 'attnbench ab'"
            : " between runs was found on the other side"))
    }
    let shift = YardstickShift(base: base, head: head)
    if shift.matters(policy) { notes.append(shift.text) }
    let onlyHead = head.caseIDs.filter { base.record(of: $0) == nil }
    cases = (base.caseIDs + onlyHead).compactMap { id in
      Self.comparison(id, base: base, head: head, policy: policy, shift: shift)
    }
    self.notes = notes
    self.policy = policy
  }

  private static func comparison(
    _ id: String, base: StoredRuns, head: StoredRuns, policy: ComparisonPolicy,
    shift: YardstickShift
  ) -> CaseComparison? {
    guard let shown = head.record(of: id) ?? base.record(of: id) else { return nil }
    var item = CaseComparison(
      caseID: id, mechanism: shown.mechanism.id, family: shown.mechanism.family,
      coverage: .compared, command: shown.command)
    guard let left = base.record(of: id) else {
      item.coverage = .unsupported(reason: "the base does not hold this case")
      return item
    }
    guard let right = head.record(of: id) else {
      item.coverage = .broken(reason: "the head does not hold this case")
      return item
    }
    if let obstacle = obstacle(base: left, head: right) {
      item.coverage = obstacle
      return item
    }
    item.quantities = QuantityJudgement.all(base: left, head: right, policy: policy)
    if case .verifiedOnly = right.status { return item }
    let yardstick = Yardstick(of: right)
    let evidence = TimeEvidence.chained(
      base: base.pairs(of: id), head: head.pairs(of: id), yardstick: yardstick.title)
    guard let judgement = TimeJudgement(evidence, policy: policy) else {
      item.coverage = .broken(reason: "the records hold no usable pairs of times")
      return item
    }
    var time = ConfirmedTime.stored(judgement, policy: policy)
    if yardstick == .flash { shift.temper(&time, policy: policy) }
    item.time = time
    return item
  }

  private static func obstacle(base: CaseRecord, head: CaseRecord) -> CaseCoverage? {
    switch (base.status, head.status) {
    case (_, .failed(let reason)), (_, .boundViolated(let reason)):
      return .failed(reason: reason)
    case (.skipped(let reason), _), (_, .skipped(let reason)):
      return .skipped(reason: reason)
    case (.failed(let reason), _), (.boundViolated(let reason), _):
      return .unsupported(reason: "the base failed: \(reason)")
    case (.simulatedOnly, _), (_, .simulatedOnly):
      return .unsupported(reason: "simulated only: nothing was run")
    case (.measured, .verifiedOnly), (.verifiedOnly, .measured):
      return .unsupported(reason: "only one side was timed")
    case (.verifiedOnly, .verifiedOnly): return nil
    case (.measured, .measured): break
    }
    return difference(base: base, head: head)
      .map { .unsupported(reason: $0) }
  }

  /// Why the times of two records must not be compared, or nil.
  package static func difference(base: CaseRecord, head: CaseRecord) -> String? {
    let facts: [(String, String, String)] = [
      ("machine", base.machine.fingerprint, head.machine.fingerprint),
      ("threads", "\(base.execution.threads)", "\(head.execution.threads)"),
      ("kernel table", base.execution.kernelTable, head.execution.kernelTable),
    ]
    return facts.first { $0.1 != $0.2 }.map {
      "times are not compared across a change of \($0.0): \($0.1) in the base, \($0.2) in the head"
    }
  }
}
