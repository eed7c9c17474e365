// SPDX-License-Identifier: MIT

import Comparison
import ResultStore
import Testing

struct StoredComparisonTests {
  private func side(
    _ name: String, runs: Int = 1, _ change: (inout Records.Settings) -> Void = { _ in }
  ) throws -> StoredRuns {
    let offset: UInt64 = name == "base" ? 0 : 100
    return StoredRuns(
      name: name,
      runs: try (0..<runs).map { run in
        try ["flash", "neighborhood", "linear"].enumerated().map { index, mechanism in
          var settings = Records.Settings()
          settings.mechanism = mechanism
          settings.seed = offset + UInt64(10 * run + index)
          settings.milliseconds = mechanism == "flash" ? settings.flashMilliseconds : 2
          change(&settings)
          return try Records.record("\(mechanism)@1x2", settings)
        }
      })
  }

  private func report(_ base: StoredRuns, _ head: StoredRuns) -> ComparisonReport {
    let comparison = StoredComparison(base: base, head: head, policy: ComparisonPolicy())
    return ComparisonReport(
      command: "compare", base: base.name, head: head.name, suite: "gate",
      policy: comparison.policy, cases: comparison.cases, notes: comparison.notes)
  }

  @Test func severalEqualRunsAreTheSame() throws {
    let report = report(try side("base", runs: 5), try side("head", runs: 5))
    #expect(report.cases.map(\.time?.verdict) == [.same, .same, .same])
    #expect(report.outcome.kind == .fine)
    #expect(report.coverage.share == 1)
    #expect(report.notes.isEmpty)
  }

  @Test func aSingleRunPromisesNoMoreThanItKnows() throws {
    let report = report(try side("base"), try side("head"))
    #expect(report.cases.contains { $0.time?.verdict == .ambiguous })
    #expect(report.notes.contains { $0.contains("assumed") })
  }

  @Test func aSlowerCaseIsARegressionWhateverTheMachineDid() throws {
    let head = try side("head", runs: 4) {
      // Everything takes twice the time, the peak with it; one case 20 % more.
      $0.milliseconds *= $0.mechanism == "linear" ? 2.4 : 2
      $0.flashMilliseconds *= 2
      $0.peak /= 2
    }
    let report = report(try side("base", runs: 4), head)
    #expect(report.cases.map(\.time?.verdict) == [.same, .same, .slower])
    #expect(report.outcome.exitCode == 3)
    #expect(report.outcome.reasons.first?.contains("linear") == true)
  }

  @Test func aFasterYardstickIsNotAnothersRegression() throws {
    let head = try side("head", runs: 4) {
      $0.flashMilliseconds *= 0.8
      if $0.mechanism == "flash" { $0.milliseconds *= 0.8 }
    }
    let report = report(try side("base", runs: 4), head)
    #expect(report.cases.map(\.time?.verdict) == [.faster, .ambiguous, .ambiguous])
    #expect(report.notes.contains { $0.contains("yardstick") })
    #expect(report.outcome.kind == .inconclusive)
  }

  @Test func otherMachinesAndMissingCasesAreCovered() throws {
    let other = report(try side("base"), try side("head") { $0.fingerprint = "cd34" })
    #expect(other.coverage.unsupported == 3)
    #expect(other.outcome.exitCode == 6)
    let head = try side("head")
    let fewer = report(
      try side("base"), StoredRuns(name: "head", runs: [Array(head.runs[0].prefix(1))]))
    #expect(fewer.coverage.broken == 2)
    #expect(fewer.outcome.kind != .fine)
    let more = report(StoredRuns(name: "base", runs: [Array(head.runs[0].prefix(2))]), head)
    #expect(more.coverage.unsupported == 1)
  }

  @Test func aWrongKernelComesBeforeEverythingElse() throws {
    let head = try side("head") {
      if $0.mechanism == "linear" { $0.status = .failed(reason: "it is wrong") }
      $0.tiles = 200
    }
    let report = report(try side("base"), head)
    #expect(report.outcome.exitCode == 4)
    #expect(report.outcome.reasons.first == "linear@1x2: it is wrong")
    #expect(report.outcome.reasons.contains { $0.contains("MORE WORK") })
  }
}
