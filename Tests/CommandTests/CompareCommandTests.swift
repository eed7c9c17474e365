// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

/// `compare` on a run whose times were replaced by quiet ones, and on altered copies of it.
@Suite(.serialized) struct CompareCommandTests {
  private static let suite = """
    suite: tiny
    seed: 5
    machines: [h100]
    timing: { target: 90 %, minimumRounds: 9, maximumRounds: 9, timePerCase: 5 s }
    cases:
      - shapes: { heads: 2, length: 96, headDim: 16, causal: true }
        mechanisms: [flash, linear]
    """

  /// A folder with the run `runs/base`.
  private func prepared() throws -> Command {
    let command = try Command()
    try command.write(Self.suite, to: "tiny.yaml")
    let result = try command.run(
      "run", "tiny.yaml", "--output", "raw", "--name", "raw", "--threads", "1")
    #expect(result.code == 0, "\(result.errors)")
    try alter(command, "base", of: "raw/raw") { record in
      guard var timing = record.timing.value else { return true }
      for index in timing.alternatives.indices {
        let median = timing.alternatives[index].role == .mechanism ? 1e6 : 4e6
        timing.alternatives[index].samplesNanoseconds = (-4...4).map {
          median * (1 + 1e-4 * Double($0))
        }
        timing.alternatives[index].medianNanoseconds = median
        timing.alternatives[index].disturbed = 0
        timing.alternatives[index].disturbedSamples = nil
      }
      timing.adjacentPeakGigaflopsPerSecond = .value(100)
      record.timing = .value(timing)
      record.status = .measured
      return true
    }
    return command
  }

  /// Stores the records of a run as `runs/name` after `change`, which may drop one.
  private func alter(
    _ command: Command, _ name: String, of source: String = "runs/base",
    _ change: (inout CaseRecord) -> Bool
  ) throws {
    let base = RunFolder(existing: command.path(source))
    let writer = try RunFolder(root: command.path("runs"), name: name)
      .openForWriting(try base.header())
    for var record in try base.contents().records where change(&record) {
      try writer.append(record)
    }
  }

  private func scale(_ record: inout CaseRecord, by factor: Double) {
    guard var timing = record.timing.value else { return }
    for index in timing.alternatives.indices where timing.alternatives[index].role == .mechanism {
      timing.alternatives[index].samplesNanoseconds =
        timing.alternatives[index].samplesNanoseconds.map { $0 * factor }
      timing.alternatives[index].medianNanoseconds *= factor
    }
    record.timing = .value(timing)
  }

  @Test func everyOutcomeHasItsExitCode() throws {
    let command = try prepared()
    defer { command.remove() }
    try alter(command, "again") { _ in true }
    try alter(command, "slower") { record in
      if record.mechanism.id == "linear" { scale(&record, by: 1.2) }
      return true
    }
    try alter(command, "wrong") { record in
      record.status = .failed(reason: "it <differs>")
      return true
    }
    try alter(command, "fewer") { $0.mechanism.id == "linear" }
    func compare(_ name: String, _ delta: String) throws -> Command.Result {
      try command.run("compare", "runs/base", "runs/\(name)", "--delta", delta)
    }
    // A single run is known to a percent, so that 20 % are easily told from 10 %.
    #expect(try compare("again", "10%").code == 0)
    let slower = try compare("slower", "10%")
    #expect(slower.code == 3)
    #expect(slower.output.contains("SLOWER"))
    #expect(slower.output.hasSuffix("REGRESSION (exit code 3)\n"))
    #expect(try compare("wrong", "10%").code == 4)
    // The same says nothing of 1 %.
    #expect(try compare("again", "1%").code == 5)
    #expect(try compare("fewer", "10%").code == 6)
  }

  @Test func resultsGoWhereTheyAreAskedFor() throws {
    let command = try prepared()
    defer { command.remove() }
    try alter(command, "again") { _ in true }
    try command.write("# Job\n", to: "summary.md")
    for _ in 0..<2 {
      let result = try command.run(
        "compare", "runs/base", "runs/again", "--delta", "10%", "--format", "json", "--junit",
        "junit.xml", "--summary", "summary.md")
      let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
      let report = try #require(object as? [String: Any])
      #expect(report["schema"] as? String == "attnbench/1")
      #expect((report["cases"] as? [Any])?.count == 2)
      #expect(!result.output.contains(command.folder.path), "no path of this machine")
    }
    let summary = try String(contentsOfFile: command.path("summary.md"), encoding: .utf8)
    #expect(summary.hasPrefix("# Job\n## attnbench compare: PASSED"))
    #expect(summary.components(separatedBy: "## attnbench").count == 3)
    let junit = try String(contentsOfFile: command.path("junit.xml"), encoding: .utf8)
    #expect(junit.hasPrefix("<?xml"))
    // A folder of several runs is one side; it holds both of these.
    let many = try command.run("compare", "runs", "runs", "--delta", "10%")
    #expect(many.output.contains("(2 runs)"))
  }

  @Test func badUsageIsRefusedWithTheFix() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write("no run", to: "file")
    let refusals: [([String], String)] = [
      (["compare", "nothing", "nothing"], "give the folder of a run"),
      (["compare", "file", "file", "--delta", "0"], "such as 3%"),
      (["compare", "file", "file", "--delta", "x"], "--delta"),
      (["compare", "file", "file", "--junit", "no/such/junit.xml"], "there is no folder"),
      (["compare", "file"], "head"),
      (["ab", "suite.yaml"], "--base"),
      (["ab", "suite.yaml", "--base", "a", "--base-commit", "b"], "not both"),
      (["ab", "suite.yaml", "--base", "nothing"], "there is no such file"),
      (["ab", "suite.yaml", "--base", "file"], "no program"),
      (["ab", "suite.yaml", "--base-commit", "0123456"], "no such commit"),
      (["gate", "--baseline", "nothing", "--suite", "x"], "a commit of the checkout"),
      (["nights", "--suite", "x", "--folder", "n", "--plant", "0"], "such as 5%"),
    ]
    for (arguments, hint) in refusals {
      let process = try command.process(arguments)
      let pipe = Pipe()
      process.standardError = pipe
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      let errors = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 2, "\(arguments): \(errors)")
      #expect(errors.contains(hint), "\(arguments): \(errors)")
    }
  }
}
