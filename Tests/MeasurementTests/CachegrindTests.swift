// SPDX-License-Identifier: MIT

import Measurement
import Testing

struct CachegrindTests {
  private func source(_ tools: FakeTools) -> CachegrindSource {
    let source = CachegrindSource(binary: "/opt/attnbench", tools: tools)
    source.target = ["worker", "case"]
    return source
  }

  @Test func theDifferenceOfRunsIsOneCall() throws {
    let tools = FakeTools()
    tools.answers = ["1,000,123", "1,500,124", "2,000,125"].map { FakeTools.counted($0) }
    let reading = try #require(source(tools).stop().first)
    #expect(reading.value == .count(500_001))
    #expect(reading.event == "avx2 kernels")
    #expect(reading.name == "exact-instructions")
  }

  @Test func runsDifferInOneDigitOfOneVariableAlone() {
    let tools = FakeTools()
    tools.answers = ["10", "30", "50"].map { FakeTools.counted($0) }
    _ = source(tools).stop()
    let runs = tools.calls.filter { $0.contains { $0.hasSuffix("valgrind") } }
    #expect(runs.count == 3)
    #expect(Set(runs).count == 1)
    #expect(runs.allSatisfy { $0.contains("--cache-sim=no") && $0.prefix(2).last == "-R" })
    let counted = tools.environments
    #expect(counted.map { $0[CachegrindSource.repetitionsVariable] } == ["1", "2", "3"])
    let rest = counted.map { $0.filter { $0.key != CachegrindSource.repetitionsVariable } }
    #expect(Set(rest).count == 1)
    #expect(rest.first?["SWIFT_DETERMINISTIC_HASHING"] == "1")
  }

  @Test func aStrippedCopyRunsAndIsMadeOnce() {
    let tools = FakeTools()
    tools.answers = (0..<6).map { FakeTools.counted("\(1 + $0)") }
    let source = source(tools)
    _ = source.stop()
    _ = source.stop()
    #expect(tools.calls.count { $0[0].hasSuffix("/strip") } == 1)
    #expect(tools.calls.allSatisfy { $0[0].hasSuffix("/strip") || !$0.contains("/opt/attnbench") })
  }

  @Test(arguments: ["valgrind", "strip"])
  func aMissingToolIsAReasonWithItsCure(tool: String) {
    let tools = FakeTools()
    tools.installed.remove(tool)
    let absence = source(tools).stop().first?.value.absence ?? ""
    #expect(absence.contains(tool))
    #expect(absence.contains("apt-get install"))
  }

  @Test func failuresOfTheProgramAreReasons() {
    let endings: [(ToolOutcome, String)] = [
      (ToolOutcome(end: .exited(3), errors: "no such case\n"), "code 3: no such case"),
      (ToolOutcome(end: .killed(signal: 9)), "signal 9"),
      (ToolOutcome(end: .notStarted(reason: "gone")), "gone"),
      (ToolOutcome(end: .exited(0), errors: "nothing"), "I refs"),
    ]
    for (outcome, expected) in endings {
      let tools = FakeTools()
      tools.answers = [outcome]
      let reading = source(tools).stop().first
      #expect(reading?.value.number == nil)
      #expect(reading?.value.absence?.contains(expected) == true)
    }
  }

  @Test func equalTotalsAreNoCount() {
    let tools = FakeTools()
    tools.answers = (0..<9).map { _ in FakeTools.counted("10") }
    #expect(source(tools).stop().first?.value.number == nil)
  }

  @Test func aStartUpThatVariedIsTriedAgain() {
    let tools = FakeTools()
    let totals = ["100", "208", "300", "100", "200", "300"]
    tools.answers = totals.map { FakeTools.counted($0) }
    #expect(source(tools).stop().first?.value == .count(100))
  }

  @Test func callsThatDifferAreAReasonAndNoAverage() {
    let tools = FakeTools()
    tools.answers = (0..<3).flatMap { _ in ["100", "200", "350"].map { FakeTools.counted($0) } }
    let absence = source(tools).stop().first?.value.absence ?? ""
    #expect(absence.contains("differ: 100 and 150"))
  }

  @Test func withoutACaseThereIsAReason() {
    let source = CachegrindSource(binary: "/opt/attnbench", tools: FakeTools())
    #expect(source.stop().first?.value.absence?.contains("--counters cachegrind") == true)
  }

  @Test func theSystemRunsProgramsAndSaysHowTheyEnded() {
    let tools = SystemTools()
    let shell = tools.path(of: "sh") ?? "/bin/sh"
    let fine = tools.run(shell, ["-c", "echo out; echo err >&2"], environment: nil)
    #expect(fine.failure == nil)
    #expect(fine.output == "out\n" && fine.errors == "err\n")
    #expect(tools.run(shell, ["-c", "exit 7"], environment: nil).failure?.contains("7") == true)
    #expect(
      tools.run(shell, ["-c", "kill -9 $$"], environment: nil).failure?.contains("signal 9")
        == true)
    #expect(tools.run("/nonexistent/x", [], environment: nil).failure != nil)
    let environment = tools.run(shell, ["-c", "echo $A"], environment: ["A": "b"])
    #expect(environment.output == "b\n")
  }

  @Test func muchOutputOnBothStreamsDoesNotBlock() {
    let text =
      "i=0; while [ $i -lt 20000 ]; do echo 0123456789; echo 9876543210 >&2; "
      + "i=$((i+1)); done"
    let outcome = SystemTools().run("/bin/sh", ["-c", text], environment: nil)
    #expect(outcome.output.count == 220_000 && outcome.errors.count == 220_000)
  }
}
