// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

@Suite(.serialized) struct HistoryCommandTests {
  /// A folder with a history of three nights of two cases.
  private func filled() throws -> Command {
    let command = try Command()
    try command.write(TinySuite.text(cases: 2), to: "tiny.yaml")
    for name in ["night-1", "night-2", "night-3"] {
      let run = try command.run("run", "tiny.yaml", "--output", "Results/runs", "--name", name)
      #expect(run.code == 0, "\(run.errors)")
    }
    let imported = try command.run("history", "import")
    #expect(imported.code == 0, "\(imported.errors)")
    #expect(imported.output.contains("night-2"))
    #expect(imported.output.contains("2 measured"))
    return command
  }

  @Test func aHistoryIsImportedShownAndExported() throws {
    let command = try filled()
    defer { command.remove() }
    #expect(try command.run("history", "import").output == "3 runs with nothing new\n")

    let overview = try command.run("history", "show")
    #expect(overview.code == 0, "\(overview.errors)")
    #expect(overview.output.split(separator: "\n").count == 3)
    #expect(overview.output.contains("flash@1x1x16x16"))

    let one = try command.run("history", "show", "1x1x17x16", "--metric", "flash-time")
    #expect(one.code == 0, "\(one.errors)")
    #expect(one.output.contains("flash-time on"))
    #expect(one.output.contains("3 nights, 0 changes"))
    #expect(one.output.contains("night-3"))

    let json = try command.run("history", "show", "1x1x17x16", "--format", "json")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect(object["schema"] as? String == "attnbench/1")

    let export = try command.run("history", "export", "--metric", "time")
    // A heading and three nights of two cases.
    #expect(export.output.split(separator: "\n").count == 7)
    #expect(!export.output.contains(command.folder.path))
  }

  @Test func deletingTheDatabaseLosesNothing() throws {
    let command = try filled()
    defer { command.remove() }
    let note = try command.run(
      "history", "annotate", "--run", "night-2", "--text", "another compiler")
    #expect(note.code == 0, "\(note.errors)")
    let formats = ["csv", "json"]
    let before = try formats.map { try command.run("history", "export", "--format", $0).output }
    try FileManager.default.removeItem(atPath: command.path("Results/history.sqlite"))
    let missing = try command.run("history", "show")
    #expect(missing.code == 2)
    #expect(missing.errors.contains("history import"))
    let rebuilt = try command.run("history", "rebuild")
    #expect(rebuilt.code == 0, "\(rebuilt.errors)")
    let after = try formats.map { try command.run("history", "export", "--format", $0).output }
    #expect(after == before)
    #expect(after[1].contains("another compiler"))
  }

  @Test func aTrendIsDrawn() throws {
    let command = try filled()
    defer { command.remove() }
    let result = try command.run("history", "show", "1x1x17x16", "--plot", "trend.svg")
    #expect(result.code == 0, "\(result.errors)")
    let picture = try String(contentsOfFile: command.path("trend.svg"), encoding: .utf8)
    #expect(picture.contains("</svg>"))
    #expect(picture.contains("flash@1x1x17x16"))
    let wrong = try command.run("history", "show", "1x1x17x16", "--plot", "trend.pdf")
    #expect(wrong.code == 2)
  }

  @Test func changesOfPlannedWorkAreListedUntilExplained() throws {
    let command = try filled()
    defer { command.remove() }
    // A fourth night on which a case does twice the work.
    let folder = RunFolder(existing: command.path("Results/runs/night-3"))
    var header = try folder.header()
    header.startedAt = "2099-01-01T00:00:00Z"
    let writer = try RunFolder(root: command.path("Results/runs"), name: "night-4")
      .openForWriting(header)
    for var record in try folder.contents().records {
      record.work.bytesRead *= 2
      record.execution.startedAt = header.startedAt
      try writer.append(record)
    }
    let imported = try command.run("history", "import")
    #expect(imported.errors.contains("has not come yet"))
    let changes = try command.run("history", "changepoints")
    #expect(changes.code == 0)
    #expect(changes.errors.contains("2 changes in"))
    #expect(changes.output.contains("worse"))
    #expect(changes.output.contains("bytes-moved"))
    #expect(changes.output.contains("exact"))
    let note = try command.run(
      "history", "annotate", "1x1x16", "--metric", "bytes-moved", "--run", "night-4", "--text",
      "keys are read twice")
    #expect(note.code == 0, "\(note.errors)")
    let left = try command.run("history", "changepoints", "--unexpected", "--format", "json")
    #expect(left.output.contains("1x1x17x16"))
    #expect(!left.output.contains("1x1x16x16"))
    let list = try command.run("history", "annotate", "--list")
    #expect(list.output.contains("keys are read twice"))
    let id = try #require(list.output.split(separator: "\n").last?.split(separator: " ").first)
    #expect(try command.run("history", "annotate", "--retract", String(id)).code == 0)
    #expect(try command.run("history", "changepoints", "--unexpected").errors.contains("2 changes"))
  }

  @Test func badUsageIsAnsweredWithWhatIsNear() throws {
    let command = try filled()
    defer { command.remove() }
    for (arguments, expected) in Self.badUsage {
      let result = try command.run(arguments: ["history"] + arguments)
      #expect(result.code == 2, "\(arguments): \(result.errors)")
      #expect(result.errors.contains(expected), "\(arguments): \(result.errors)")
    }
  }

  private static let badUsage: [(arguments: [String], answer: String)] = [
    (["show", "flesh@1x1x16x16/gaussian"], "Did you mean 'flash@"),
    (["show", "moba"], "there is no case 'moba'"), (["show", "flash"], "2 cases contain 'flash'"),
    (["show", "x17x", "--metric", "tyme"], "Did you mean 'time'?"),
    (["show", "x17x", "--last", "0"], "give 1 or more"),
    (["changepoints", "moba"], "there is no case 'moba'"),
    (["changepoints", "--nights", "0"], "give 1 to 1000"),
    (["annotate", "--text", "x"], "say when"),
    (["annotate", "--text", "x", "--at", "yesterday"], "write 2026-01-31"),
    (["annotate", "--text", "x", "--run", "night-9"], "Did you mean 'night-"),
    (["annotate", "--retract", "0"], "there is no annotation '0'"),
    (["import", "nowhere"], "holds no journal.jsonl"),
    (["rebuild", "nowhere"], "holds no journal.jsonl"),
    (["export", "--metric", "flashtime"], "Did you mean 'flash-time'?"),
  ]

  @Test func aRunThatCannotBeReadDoesNotKeepTheOthersOut() throws {
    let command = try filled()
    defer { command.remove() }
    try FileManager.default.createDirectory(
      atPath: command.path("Results/runs/broken"), withIntermediateDirectories: true)
    try command.write("", to: "Results/runs/broken/journal.jsonl")
    let named = try command.run(
      "history", "import", "Results/runs", "--database", "other.sqlite")
    #expect(named.code == 2)
    #expect(named.errors.contains("not taken over: "))
    #expect(named.errors.contains("run.json"))
    let shown = try command.run("history", "show", "--database", "other.sqlite")
    #expect(shown.output.contains("flash@1x1x16x16"))
  }
}
