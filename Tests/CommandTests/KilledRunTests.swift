// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

/// Runs that are killed at random moments; `ATTNBENCH_KILLS` sets how often (`make torture`).
@Suite(.serialized) struct KilledRunTests {
  private static let kills =
    ProcessInfo.processInfo.environment["ATTNBENCH_KILLS"].flatMap { Int($0) } ?? 5

  private static func records(_ command: Command, _ name: String) throws -> JournalContents {
    try RunFolder(existing: command.path("runs/\(name)")).contents()
  }

  /// Starts the binary and kills it after `seconds`, unless it has ended by then.
  private static func kill(_ command: Command, _ arguments: [String], after seconds: Double) throws
  {
    let process = try command.process(arguments)
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    Thread.sleep(forTimeInterval: seconds)
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  @Test func killedRunsEndWithTheRecordsOfAnUndisturbedOne() throws {
    let command = try Command()
    defer { command.remove() }
    // As many cases as the kills cannot outlive: each attempt finishes a few.
    try command.write(TinySuite.text(cases: 20 + 4 * Self.kills), to: "many.yaml")
    let begin = Date()
    let whole = try command.run("run", "many.yaml", "--output", "runs", "--name", "whole")
    #expect(whole.code == 0, "\(whole.errors)")
    let expected = try Self.records(command, "whole").records
    #expect(expected.count == 20 + 4 * Self.kills)
    // Enough for the start and a share of the cases, whatever this machine is busy with.
    let longest = max(0.3, Date().timeIntervalSince(begin) / 4)

    var known: Set<String> = []
    var interrupted = 0
    for _ in 0..<Self.kills {
      let folder = RunFolder(existing: command.path("runs/killed"))
      let how = folder.hasHeader ? "--resume" : "--name"
      try Self.kill(
        command, ["run", "many.yaml", "--output", "runs", how, "killed"],
        after: Double.random(in: 0.01...longest))
      let contents = try Self.records(command, "killed")
      // Nothing that was there is lost, nothing is there twice, at most the last line is half.
      #expect(known.isSubset(of: contents.finishedCaseIDs))
      #expect(contents.replaced == 0)
      #expect(contents.problems.count <= 1)
      known = contents.finishedCaseIDs
      if known.count < expected.count { interrupted += 1 }
    }
    #expect(interrupted > 0, "every kill came too late to mean anything")

    let how =
      RunFolder(existing: command.path("runs/killed")).hasHeader ? "--resume" : "--name"
    let last = try command.run("run", "many.yaml", "--output", "runs", how, "killed")
    #expect(last.code == 0, "\(last.errors)")
    let contents = try Self.records(command, "killed")
    #expect(contents.problems.isEmpty)
    #expect(contents.replaced == 0)
    #expect(contents.records.map(\.timeless) == expected.map(\.timeless))
    let journal = try String(
      contentsOfFile: command.path("runs/killed/journal.jsonl"), encoding: .utf8)
    #expect(journal.split(separator: "\n").count == expected.count)
  }

  @Test func killedImportsEndWithTheHistoryOfAnUndisturbedOne() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(TinySuite.text(cases: 12), to: "tiny.yaml")
    for name in ["one", "two"] {
      let result = try command.run("run", "tiny.yaml", "--output", "runs", "--name", name)
      #expect(result.code == 0, "\(result.errors)")
    }
    let begin = Date()
    _ = try command.run("history", "import", "runs", "--database", "whole.sqlite")
    let length = Date().timeIntervalSince(begin)
    for _ in 0..<Self.kills {
      try Self.kill(
        command, ["history", "import", "runs", "--database", "killed.sqlite"],
        after: Double.random(in: 0.001...length))
    }
    let last = try command.run("history", "import", "runs", "--database", "killed.sqlite")
    #expect(last.code == 0, "\(last.errors)")
    let exports = try ["whole", "killed"].map {
      try command.run("history", "export", "--format", "json", "--database", "\($0).sqlite")
    }
    #expect(exports[0].code == 0)
    #expect(exports[0].output == exports[1].output)
    #expect(exports[0].output.contains("\"oracle-error\""))
  }
}
