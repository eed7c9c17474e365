// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// `gate`, `ab` and `nights` on one small case, with thresholds that hold on a busy machine.
@Suite(.serialized) struct GateCommandTests {
  private static let suite = """
    suite: tiny
    seed: 5
    machines: [h100]
    timing: { target: 90 %, minimumRounds: 9, maximumRounds: 9, timePerCase: 5 s }
    cases:
      - shapes: { heads: 2, length: 96, headDim: 16, causal: true }
        mechanisms: [linear]
    """

  /// Only a change by a factor of four matters; controls and plants are far beyond it.
  private static let coarse = [
    "--delta", "300%", "--planted-margin", "3000%", "--floor", "0", "--allow-disturbed",
    "--threads", "1", "--processes", "3", "--pairs", "3", "--controls", "1",
  ]

  private func prepared() throws -> Command {
    let command = try Command()
    try command.write(Self.suite, to: "tiny.yaml")
    return command
  }

  private func gate(
    _ command: Command, baseline: String? = nil, _ more: String..., options: [String] = coarse
  ) throws -> Command.Result {
    let base = try baseline ?? Command.binary.path
    return try command.run(
      arguments: ["gate", "--baseline", base, "--suite", "tiny.yaml"] + options + more)
  }

  @Test func aBuildPassesAgainstItself() throws {
    let command = try prepared()
    defer { command.remove() }
    let result = try gate(
      command, "--format", "json", "--junit", "gate.xml", "--summary", "gate.md", "--samples",
      "samples.jsonl")
    #expect(result.code == 0, "\(result.errors)\n\(result.output)")
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
    let report = try #require(object as? [String: Any])
    #expect(report["schema"] as? String == "attnbench/1")
    #expect((report["controls"] as? [Any])?.count == 2)
    let samples = try String(contentsOfFile: command.path("samples.jsonl"), encoding: .utf8)
    // The case and both controls; the planted one has a second round.
    #expect(samples.split(separator: "\n").count >= 4)
    let junit = try String(contentsOfFile: command.path("gate.xml"), encoding: .utf8)
    #expect(junit.contains("failures=\"0\""))
    #expect(!junit.contains("<failure"))
    let summary = try String(contentsOfFile: command.path("gate.md"), encoding: .utf8)
    #expect(summary.contains("PASSED"))
    #expect(!result.output.contains(command.folder.path), "no path of this machine")
  }

  @Test func aPlantedSlowdownIsARegressionAfterASecondRound() throws {
    let command = try prepared()
    defer { command.remove() }
    let id = "linear@1x2x96x16,causal/gaussian"
    let unknown = try gate(command, "--plant", "3000%", "--plant-case", "linaer")
    #expect(unknown.code == 2)
    #expect(unknown.errors.contains("Did you mean '\(id)'"), "\(unknown.errors)")
    let result = try gate(command, "--plant", "3000%", "--plant-case", id)
    #expect(result.code == 3, "\(result.errors)\n\(result.output)")
    #expect(result.errors.contains("round 2"))
    #expect(result.output.contains("is planted"))
  }

  @Test func aControlThatIsNotCaughtMakesTheNightUnfit() throws {
    let command = try prepared()
    defer { command.remove() }
    // Nothing is as slow as a thousand seconds: below that floor no slowdown can be caught.
    let options = Self.coarse.map { $0 == "0" ? "1000000000" : $0 }
    let result = try gate(command, "--plant", "3000%", options: options)
    #expect(result.code == 5, "\(result.errors)\n\(result.output)")
    #expect(result.output.contains("was not caught"))
    #expect(result.output.contains("UNFIT"))
  }

  @Test func aTimeLimitThatLeavesNothingMeasuredHasItsOwnCode() throws {
    let command = try prepared()
    defer { command.remove() }
    let result = try gate(command, "--time-limit", "0")
    #expect(result.code == 6, "\(result.errors)\n\(result.output)")
    #expect(result.output.contains("not reached"))
  }

  @Test func storedRunsAreABaseline() throws {
    let command = try prepared()
    defer { command.remove() }
    for name in ["one", "two"] {
      let result = try command.run(
        "run", "tiny.yaml", "--output", "runs", "--name", name, "--threads", "1")
      #expect(result.code == 0, "\(result.errors)")
    }
    let passed = try gate(command, baseline: "runs", "--format", "json")
    #expect(passed.code == 0, "\(passed.errors)\n\(passed.output)")
    #expect(passed.output.contains("flash beside it"))
    let red = try gate(
      command, baseline: "history", "--runs", "runs", "--plant", "100000%")
    #expect(red.code == 3, "\(red.errors)\n\(red.output)")
  }

  @Test func binariesThatCannotBeTimedAreRefused() throws {
    let command = try prepared()
    defer { command.remove() }
    let scripts = [
      ("old", "exit 2", "ended with code 2"),
      ("chatty", "echo hello", "another language"),
      (
        "newer",
        #"echo '{"hello":{"version":"attnbench-worker/9","threads":1,"kernelTable":"x"}}'"#,
        "attnbench-worker/9"
      ),
    ]
    for (name, body, hint) in scripts {
      try script(command, name, body)
      let result = try gate(command, baseline: name)
      #expect(result.code == 2, "\(result.errors)")
      #expect(result.errors.contains(hint), "\(result.errors)")
    }
  }

  @Test func aProcessThatDiesIsReportedAndNothingIsClaimed() throws {
    let command = try prepared()
    defer { command.remove() }
    try script(
      command, "dying",
      #"""
      echo '{"hello":{"version":"attnbench-worker/1","threads":1,"kernelTable":"x"}}'
      read line
      kill -9 $$
      """#)
    let result = try gate(command, baseline: "dying")
    #expect(result.code == 6, "\(result.errors)\n\(result.output)")
    #expect(result.output.contains("was killed by signal 9"))
  }

  @Test func nightsAreResumedAndCounted() throws {
    let command = try prepared()
    defer { command.remove() }
    let arguments =
      ["nights", "--suite", "tiny.yaml", "--nights", "1", "--plant", "3000%", "--folder", "nights"]
      + [
        "--delta", "300%", "--floor", "0", "--allow-disturbed", "--threads", "1", "--processes",
        "2",
        "--pairs", "3", "--controls", "0", "--rounds", "2",
      ]
    let first = try command.run(arguments: arguments)
    #expect(first.code == 0, "\(first.errors)")
    #expect(first.output.contains("A/A nights: 1; false SLOWER: 0"), "\(first.output)")
    #expect(first.output.contains("planted slowdown: 1; caught: 1"), "\(first.output)")
    #expect(first.errors.contains("night planted-001"))
    let again = try command.run(arguments: arguments)
    #expect(again.output == first.output)
    #expect(!again.errors.contains("night planted-001"))
  }

  private func script(_ command: Command, _ name: String, _ body: String) throws {
    try command.write("#!/bin/sh\n" + body + "\n", to: name)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: command.path(name))
  }
}
