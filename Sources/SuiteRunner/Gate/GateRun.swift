// SPDX-License-Identifier: MIT

import AttentionCore
import Comparison
import Foundation
import ResultStore

/// Measures cases and controls in rounds until every one has a verdict.
///
/// A control goes through the same rounds as a case: what it proves, it proves of the procedure.
public final class GateRun {
  /// The pairs behind one verdict, as they are kept for later reading.
  public struct Evidence: Codable, Sendable {
    public var schema = CaseRecord.currentSchema
    public var caseID: String
    /// `case`, `same` or `planted`.
    public var kind: String
    public var round: Int
    public var evidence: TimeEvidence
  }

  private let plan: GatePlan
  private let session: LockstepSession
  private let subjects: [GateSubject]
  private let isOver: () -> Bool
  private let progress: any GateObserver
  private var policy: ComparisonPolicy
  private var times: [ConfirmedTime?]
  private var obstacles: [CaseCoverage?]
  private var flashShifts: [Double] = []

  /// Makes ready what `plan` says; `isOver` is asked between cases, and true leaves the rest out.
  public init(plan: GatePlan, isOver: @escaping () -> Bool, progress: any GateObserver) {
    self.plan = plan
    self.isOver = isOver
    self.progress = progress
    policy = plan.policy
    let controlled = Set(plan.controlCases.map(\.id))
    // The controls of a case come right after it: the processes have it ready then.
    subjects = plan.cases.flatMap { item in
      [GateSubject(.item, item, plan: plan)]
        + (controlled.contains(item.id) ? ControlResult.Kind.allCases : [])
        .map { GateSubject(.control($0), item, plan: plan) }
    }
    times = subjects.map { _ in nil }
    obstacles = subjects.map { _ in nil }
    session = LockstepSession(
      Self.participants(plan), threads: plan.threads, seed: plan.turnSeed)
  }

  private static func participants(_ plan: GatePlan) -> [LockstepSession.Participant] {
    typealias Role = GateSubject.Role
    let head = LockstepSession.Participant(name: Role.head, binary: plan.head)
    switch plan.baseline {
    case .build(let binary):
      return [head] + [Role.base, Role.again].map { .init(name: $0, binary: binary) }
    case .stored:
      return [head, .init(name: Role.again, binary: plan.head)]
    }
  }

  /// Measures everything and returns the report.
  ///
  /// - Throws: ``WorkerError`` if a build cannot be timed at all.
  public func run(command: String, base: String, head: String) throws -> ComparisonReport {
    let begin = Date()
    if case .stored(let runs) = plan.baseline, let deviation = runs.deviationOfRuns {
      policy.loneDeviation = deviation
    }
    var pending = Array(subjects.indices)
    for round in 0..<max(1, policy.rounds) where !pending.isEmpty {
      try measure(pending, round: round)
      pending = pending.filter { times[$0]?.needsAnotherRound(policy) ?? false }
      guard !isDrowned else { break }
    }
    return report(
      command: command, base: base, head: head, seconds: Date().timeIntervalSince(begin))
  }

  private func measure(_ pending: [Int], round: Int) throws {
    let count = plan.processes << round
    let tasks = pending.map { index in
      LockstepTask(
        item: WorkerCase(
          subjects[index].specification, suite: plan.suite, seed: plan.seed,
          command: plan.command(subjects[index].specification)),
        timers: subjects[index].timers, rounds: plan.pairs)
    }
    progress.roundBegan(round + 1, subjects: pending.count, passes: count)
    var found = GateRound(subjects: pending.count)
    let roles: Set = [GateSubject.Role.base, GateSubject.Role.head]
    for pass in 0..<count {
      found.add(
        try session.pass(
          tasks, verifies: pass == 0 ? roles : [], isOver: isOver,
          finished: { progress.finished($0 + 1, pass: pass + 1) }))
      if isOver() { break }
    }
    for (place, index) in pending.enumerated() {
      judge(index, place: place, in: found, round: round)
    }
    progress.roundEnded()
  }

  private func judge(_ index: Int, place: Int, in found: GateRound, round: Int) {
    let subject = subjects[index]
    if let obstacle = found.obstacle(place) ?? machineObstacle(subject) {
      // A later round that could not be measured leaves the verdict of the one before.
      if round == 0 { obstacles[index] = obstacle }
      return
    }
    let evidence = subject.evidence(found.passes[place])
    guard let judgement = TimeJudgement(evidence, policy: policy) else {
      if round == 0 { obstacles[index] = .broken(reason: "no usable pairs of times") }
      return
    }
    progress.measured(
      Evidence(
        caseID: subject.specification.id, kind: subject.kind.word, round: round + 1,
        evidence: evidence))
    if times[index] == nil {
      times[index] = ConfirmedTime(judgement, policy: policy)
    } else {
      times[index]?.add(judgement, policy: policy)
    }
    noteFlash(subject, found.passes[place])
  }

  /// Why stored times cannot be compared with those of this machine, or nil.
  private func machineObstacle(_ subject: GateSubject) -> CaseCoverage? {
    guard case .stored(let runs) = plan.baseline, subject.kind == .item else { return nil }
    let id = subject.specification.id
    guard let base = runs.record(of: id) else {
      return .unsupported(reason: "the baseline does not hold this case")
    }
    guard !runs.pairs(of: id).isEmpty else {
      return .unsupported(reason: "the baseline did not time this case")
    }
    guard let head = session.records[GateSubject.Role.head]?[id] else { return nil }
    return StoredComparison.difference(base: base, head: head)
      .map { .unsupported(reason: $0) }
  }

  /// The share of the pairs of all last rounds that other work disturbed.
  private var disturbedShare: Double {
    let shares = times.compactMap { $0?.last.disturbedShare }
    return shares.isEmpty ? 0 : shares.reduce(0, +) / Double(shares.count)
  }

  /// Whether most intervals are so wide that more of the same would not decide.
  private var isDrowned: Bool {
    let last = times.compactMap { $0?.last }
    return last.count { $0.isDrowned } * 2 > last.count
  }

  private func noteFlash(_ subject: GateSubject, _ passes: [[[WorkerSample]]]) {
    guard case .stored(let runs) = plan.baseline,
      let before = runs.flashAtPeak(of: subject.specification.id),
      let after = subject.flashOverPeak(passes)?.medianLogRatio
    else { return }
    flashShifts.append(after - before)
  }
}

extension GateRun {
  private func report(
    command: String, base: String, head: String, seconds: Double
  ) -> ComparisonReport {
    var notes: [String] = []
    let shift = YardstickShift(shifts: flashShifts)
    if shift.matters(policy) {
      notes.append(shift.text)
      for index in subjects.indices where subjects[index].specification.mechanismID != "flash" {
        guard subjects[index].kind == .item else { continue }
        if var time = times[index] {
          shift.temper(&time, policy: policy)
          times[index] = time
        }
      }
    }
    if disturbedShare > 0.2 || isDrowned {
      notes.append(
        "other work disturbed \(PercentText.plain(disturbedShare)) of the pairs"
          + (isDrowned
            ? "; most intervals are too wide for another round to decide, so none was made" : ""))
    }
    if let plant = plan.plant {
      notes.append(
        "a slowdown of \(PercentText.plain(plant.share)) is planted in "
          + (plant.caseIDs.isEmpty
            ? "every case" : plant.caseIDs.sorted().joined(separator: ", ")))
    }
    for (name, fact) in session.facts.sorted(by: { $0.key < $1.key }) {
      notes.append("\(name): \(fact)")
    }
    let items = subjects.indices.filter { subjects[$0].kind == .item }
    return ComparisonReport(
      command: command, base: base, head: head, suite: plan.suite, policy: policy,
      cases: items.map(comparison), controls: controls, notes: notes, seconds: seconds)
  }

  private func comparison(_ index: Int) -> CaseComparison {
    let item = subjects[index].specification
    var result = CaseComparison(
      caseID: item.id, mechanism: item.mechanismID, family: item.mechanism.card.family,
      coverage: obstacles[index] ?? .compared, time: times[index], command: plan.command(item))
    let head = session.records[GateSubject.Role.head]?[item.id]
    var base = session.records[GateSubject.Role.base]?[item.id]
    if case .stored(let runs) = plan.baseline { base = runs.record(of: item.id) }
    if let base, let head {
      result.quantities = QuantityJudgement.all(base: base, head: head, policy: policy)
    }
    return result
  }

  /// The controls on cases that both builds know, or all of them if none was measured.
  private var controls: [ControlResult] {
    let places = subjects.indices.filter { subjects[$0].kind != .item }
    let usable = places.filter { index in
      switch obstacles[index] {
      case .unsupported, .skipped: false
      case .compared, .failed, .broken, .notReached, nil: true
      }
    }
    return (usable.isEmpty ? places : usable).compactMap { index in
      guard case .control(let kind) = subjects[index].kind else { return nil }
      return ControlResult(
        kind: kind, caseID: subjects[index].specification.id,
        slowdown: kind == .planted ? plan.plantedSlowdown : 0, time: times[index])
    }
  }
}

/// Hears how a gate goes.
public protocol GateObserver: AnyObject {
  func roundBegan(_ round: Int, subjects: Int, passes: Int)
  /// `subject` subjects of pass `pass` are done.
  func finished(_ subject: Int, pass: Int)
  func measured(_ evidence: GateRun.Evidence)
  func roundEnded()
}

extension GateSubject.Kind {
  var word: String {
    switch self {
    case .item: "case"
    case .control(let kind): kind.rawValue
    }
  }
}
