// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

@Suite(.serialized) struct RunCommandTests {
  private static let suite = """
    suite: tiny
    seed: 5
    machines: [h100]
    timing: { target: 50 %, minimumRounds: 2, maximumRounds: 3, timePerCase: 100 ms }
    cases:
      - shapes: { heads: 2, length: 96, headDim: 16, causal: true }
        mechanisms:
          - flash
          - moba: { blockSize: 16, topK: 2 }
          - sage1: { variant: vT }
    """

  private func records(_ command: Command, _ name: String) throws -> [CaseRecord] {
    try RunFolder(existing: command.path("runs/\(name)")).contents().records
  }

  @Test func aSuiteRunsFromFileToReport() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite, to: "tiny.yaml")
    let result = try command.run("run", "tiny.yaml", "--output", "runs", "--name", "one")
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.output.contains("runs/one/report.md"))
    let records = try records(command, "one")
    #expect(records.count == 3)
    #expect(records.allSatisfy { $0.status == .measured && $0.counts.agree.value == true })
    for file in ["report.md", "report.csv", "report.json", "report.tex", "journal.jsonl"] {
      let text = try String(contentsOfFile: command.path("runs/one/\(file)"), encoding: .utf8)
      #expect(text.contains("moba"))
      #expect(!text.contains(command.folder.path), "no path of this machine in \(file)")
      #expect(!text.contains(ProcessInfo.processInfo.hostName), "no host name in \(file)")
    }
  }

  @Test func aStoppedRunResumesToTheSameRecords() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite, to: "tiny.yaml")
    _ = try command.run(
      "run", "tiny.yaml", "--output", "runs", "--name", "two", "--time-limit", "0")
    // A half line is what a killed process leaves.
    let journal = command.path("runs/two/journal.jsonl")
    let handle = try #require(FileHandle(forWritingAtPath: journal))
    handle.seekToEndOfFile()
    handle.write(Data("{\"schema\":\"attnbench/1\",\"caseID\":\"fla".utf8))
    try handle.close()
    let result = try command.run("run", "tiny.yaml", "--output", "runs", "--resume", "two")
    #expect(result.code == 0, "\(result.errors)")
    let ids = try records(command, "two").map(\.caseID)
    #expect(ids.count == 3)
    #expect(Set(ids).count == 3)
    let again = try command.run("run", "tiny.yaml", "--output", "runs", "--resume", "two")
    #expect(again.errors.contains("3 already on disk"))
    #expect(try records(command, "two").map(\.caseID) == ids)
  }

  @Test func anUnwritableFolderIsARunError() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite, to: "tiny.yaml")
    try command.write("a file, no folder", to: "runs")
    #expect(try command.run("run", "tiny.yaml", "--output", "runs").code == 1)
  }

  @Test func casesBeyondTheTimeLimitGiveTheirOwnCode() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite, to: "tiny.yaml")
    let result = try command.run("run", "tiny.yaml", "--output", "runs", "--time-limit", "0")
    #expect(result.code == 6)
    #expect(result.errors.contains("--resume"))
  }

  @Test func shardsAndFiltersCoverEveryCaseOnce() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite, to: "tiny.yaml")
    let all = try command.run("run", "tiny.yaml", "--dry-run").output.split(separator: "\n")
    let parts = try ["1/2", "2/2"].flatMap {
      try command.run("run", "tiny.yaml", "--dry-run", "--shard", $0).output.split(separator: "\n")
    }
    #expect(all.count == 3)
    #expect(parts.sorted() == all.sorted())
    let filtered = try command.run("run", "tiny.yaml", "--dry-run", "--filter", "moba")
    #expect(filtered.output.split(separator: "\n").count == 1)
    #expect(try command.run("run", "tiny.yaml", "--filter", "nothing").code == 2)
    #expect(try command.run("run", "tiny.yaml", "--shard", "3/2").code == 2)
  }

  @Test(arguments: [
    ("suite: x\ncases:\n  - mechanisms: flash", "needs 'length' or 'grid'"),
    ("suite: x\ncasses: []", "cases"),
    (
      "suite: x\ncases:\n  - shapes: { length: 8, headDim: 4 }\n    mechanisms: flesh",
      "bad.yaml:4"
    ),
    (
      "suite: x\ncases:\n  - shapes: { length: 8, headDim: 4 }\n    mechanisms: flesh",
      "Did you mean 'flash'"
    ),
    (
      "suite: x\ncases:\n  - shapes: { length: 8, headDim: 4 }\n    mechanisms:\n"
        + "      - neighborhood: { windw: 3 }", "Did you mean 'window'"
    ),
    (
      "suite: x\ncases:\n  - shapes: { length: 8, headDim: 4 }\n    mechanisms:\n"
        + "      - neighborhood: { window: 9 }", "window x dilation must not exceed the grid"
    ),
    (
      "suite: x\ncases:\n  - shapes: { length: -8, headDim: 4 }\n    mechanisms: flash",
      "bad.yaml:3"
    ),
    (
      "suite: x\ncases:\n  - inputs: { file: missing.npz }\n    mechanisms: flash", "missing.npz"
    ),
  ])
  func badSuitesAreRefusedWithPlaceAndFix(text: String, expected: String) throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(text, to: "bad.yaml")
    let result = try command.run("run", "bad.yaml", "--output", "runs")
    #expect(result.code == 2)
    #expect(result.errors.contains(expected), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: command.path("runs")))
  }

  @Test func verifyFindsNothingToComplainAbout() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite, to: "tiny.yaml")
    let result = try command.run("verify", "tiny.yaml", "--output", "runs")
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.errors.contains("verified"))
  }

  @Test func everyKernelTableCanBeForced() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite, to: "tiny.yaml")
    let result = try command.run(
      "run", "tiny.yaml", "--output", "runs", "--name", "scalar",
      environment: ["ATTNBENCH_ISA": "scalar"])
    #expect(result.code == 0, "\(result.errors)")
    #expect(try records(command, "scalar").allSatisfy { $0.execution.kernelTable == "scalar" })
    let wrong = try command.run("run", "tiny.yaml", environment: ["ATTNBENCH_ISA": "mmx"])
    #expect(wrong.code == 2)
  }

  @Test func simulatedSuitesMatchPublishedFiguresOrFail() throws {
    let command = try Command()
    defer { command.remove() }
    let paper = Command.root.appendingPathComponent("Suites/gna-paper.yaml")
    let text = try String(contentsOf: paper, encoding: .utf8)
    try command.write(text, to: "paper.yaml")
    #expect(try command.run("run", "paper.yaml", "--output", "runs").code == 0)
    try command.write(
      text.replacingOccurrences(of: "worstTileBound: 3.27", with: "worstTileBound: 3.47"),
      to: "wrong.yaml")
    let wrong = try command.run("run", "wrong.yaml", "--output", "runs")
    #expect(wrong.code == 4)
    #expect(wrong.errors.contains("published as 3.47"))
  }
}
