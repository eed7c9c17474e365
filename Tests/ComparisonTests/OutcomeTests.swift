// SPDX-License-Identifier: MIT

import AttentionCore
import Comparison
import Foundation
import Testing

struct OutcomeTests {
  private let policy = ComparisonPolicy()

  private func item(
    _ id: String, _ verdict: Verdict?, coverage: CaseCoverage = .compared
  ) throws -> CaseComparison {
    CaseComparison(
      caseID: id, mechanism: "flash", family: .exact, coverage: coverage,
      time: try verdict.map(time), command: "")
  }

  private func time(_ verdict: Verdict) throws -> ConfirmedTime {
    .stored(try #require(try Records.judgement(verdict)), policy: policy)
  }

  private func report(
    _ cases: [CaseComparison], controls: [ControlResult] = []
  ) -> ComparisonReport {
    ComparisonReport(
      command: "gate", base: "a", head: "b", suite: "s", policy: policy, cases: cases,
      controls: controls)
  }

  private func control(
    _ kind: ControlResult.Kind, _ verdict: Verdict?
  ) throws -> ControlResult {
    ControlResult(
      kind: kind, caseID: "flash", slowdown: kind == .planted ? 0.05 : 0,
      time: try verdict.map(time))
  }

  @Test func controlsDecideWhetherTimesCount() throws {
    let slower = [try item("a", .slower)]
    let good = [try control(.same, .same), try control(.planted, .slower)]
    #expect(report(slower, controls: good).outcome.exitCode == 3)
    let bad: [(ControlResult.Kind, Verdict)] = [
      (.same, .slower), (.same, .faster), (.same, .ambiguous), (.planted, .same),
      (.planted, .ambiguous), (.planted, .faster),
    ]
    for (kind, verdict) in bad {
      let outcome = report(slower, controls: good + [try control(kind, verdict)]).outcome
      #expect(outcome.kind == .unfit)
      #expect(outcome.exitCode == 5)
    }
  }

  @Test func controlsDoNotExcuseWhatHasNoNoise() throws {
    var more = try item("a", .same)
    var head = Records.Settings()
    head.tiles = 200
    more.quantities = QuantityJudgement.all(
      base: try Records.record("a"), head: try Records.record("a", head), policy: policy)
    let unfit = [try control(.same, .slower)]
    #expect(report([more], controls: unfit).outcome.exitCode == 3)
    let failed = try item("b", nil, coverage: .failed(reason: "wrong"))
    #expect(report([more, failed], controls: unfit).outcome.exitCode == 4)
  }

  @Test func whatMayBeSlowerIsInconclusiveAndWhatMayBeFasterIsFine() throws {
    #expect(report([try item("a", .ambiguous)]).outcome.exitCode == 5)
    #expect(report([try item("a", .faster), try item("b", .same)]).outcome.exitCode == 0)
  }

  @Test func tooLittleMeasuredHasItsOwnCode() throws {
    let cases =
      try (0..<8).map { try item("c\($0)", .same) }
      + [
        try item("d", nil, coverage: .notReached), try item("e", nil, coverage: .notReached),
        try item("f", nil, coverage: .skipped(reason: "too large")),
      ]
    let report = report(cases)
    #expect(report.coverage.share == 0.8)
    #expect(report.outcome.exitCode == 6)
    #expect(
      report.coverage.text == "11 planned: 8 compared, 1 skipped, 2 not reached")
    #expect(self.report([]).outcome.exitCode == 6)
    let unmeasured = self.report([try item("a", .same)], controls: [try control(.same, nil)])
    #expect(unmeasured.outcome.exitCode == 6)
  }

  @Test func reportsSurviveJSON() throws {
    let report = report(
      [try item("a", .slower), try item("b", nil, coverage: .broken(reason: "killed"))],
      controls: [try control(.planted, .slower)])
    #expect(try ComparisonReport(json: Data(try report.json().utf8)) == report)
    #expect(try report.json().contains("\"schema\" : \"attnbench/1\""))
    #expect(report.cases[0].time?.last.qValue != nil)
  }

  @Test func familiesAndTheWholeHaveMeans() throws {
    var linear = try item("c", .same)
    linear.family = .linear
    let report = report([try item("a", .slower), try item("b", .slower), linear])
    #expect(report.families.map(\.family) == [.exact, .linear, nil])
    #expect(report.families.map(\.ratio.count) == [2, 1, 3])
    // Both are 1.2 up to their noise of a percent.
    #expect(abs(report.families[0].ratio.value - 1.2) < 0.02)
  }

  @Test func nightsAreCounted() throws {
    typealias Night = NightsSummary.Night
    let good = [try control(.same, .same), try control(.planted, .slower)]
    let quiet = report([try item("a", .same), try item("b", .same)], controls: good)
    let alarm = report([try item("a", .slower), try item("b", .same)], controls: good)
    let unfit = report([try item("a", .same)], controls: [try control(.same, .slower)])
    let summary = NightsSummary([
      Night(name: "aa-1", plantedCase: nil, report: quiet),
      Night(name: "aa-2", plantedCase: nil, report: alarm),
      Night(name: "planted-1", plantedCase: "a", report: alarm),
      Night(name: "planted-2", plantedCase: "b", report: alarm),
      Night(name: "planted-3", plantedCase: "a", report: unfit),
    ])
    #expect(summary.falseSlower == 1)
    #expect(summary.falseSlowerBesidePlanted == 1)
    #expect(summary.caught == 1)
    #expect(summary.unfit == 1)
    #expect(summary.verdicts == 6)
    #expect(summary.widestInterval > 0 && summary.widestInterval < 0.1)
    #expect(summary.text.contains("caught: 1"))
  }
}
