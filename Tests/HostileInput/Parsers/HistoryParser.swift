// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import ResultStore

/// History databases with changed bytes, and the annotations beside them.
enum HistoryParser {
  static let database = HostileParser(
    "history", corpus: databases + Corpus.kept("history"), shortCount: 200,
    maximumBytes: 1 << 19
  ) {
    bytes in
    try inScratch(bytes, "h.sqlite") { folder in
      let history = try History(HistoryPlace("\(folder)/h.sqlite"))
      _ = try history.caseIDs()
      _ = try history.metricNames()
      _ = try history.runs()
      _ = try history.outcomes()
      _ = try history.series()
    }
  }

  static let annotations = HostileParser(
    "annotations", corpus: notes + Corpus.kept("annotations"), shortCount: 1_000,
    generate: JSONGrammar([notes[0]]).changed
  ) { bytes in
    try inScratch(bytes, "h.annotations.jsonl") { folder in
      let found = HistoryAnnotations(HistoryPlace("\(folder)/h.sqlite"))
      guard !found.problems.isEmpty else { return }
      throw AnnotationRefusal(description: found.problems.prefix(5).joined(separator: "\n"))
    }
  }

  private struct AnnotationRefusal: Error, CustomStringConvertible {
    let description: String
  }

  private static let notes = [
    """
    {"annotation":{"at":"2026-01-01T00:00:00Z","cases":"flash","id":"0123abcd","isExpected":true,\
    "madeAt":"2026-01-02T00:00:00Z","metric":"time","text":"new kernel"},"schema":"attnbench/1"}
    """,
    "{\"retracted\":\"0123abcd\",\"schema\":\"attnbench/1\"}\n",
  ].map { Array($0.utf8) }

  /// A history of one small run.
  private static let databases: [[UInt8]] = {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-corpus-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let source = Corpus.root.appendingPathComponent("Results/reference/card/zen4-2c-avx512")
    do {
      try FileManager.default.createDirectory(
        atPath: folder + "/run", withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: source.path + "/run.json", toPath: folder + "/run/run.json")
      let journal = try String(contentsOfFile: source.path + "/journal.jsonl", encoding: .utf8)
      let first = journal.split(separator: "\n").prefix(1).joined() + "\n"
      try first.write(toFile: folder + "/run/journal.jsonl", atomically: true, encoding: .utf8)
      let importer = try HistoryImporter(HistoryPlace(folder + "/h.sqlite"))
      _ = try importer.importRun(RunFolder(existing: folder + "/run"))
    } catch {
      return []
    }
    return FileManager.default.contents(atPath: folder + "/h.sqlite").map { [Array($0)] } ?? []
  }()

  /// Calls `body` with a folder that holds `bytes` under `name` and nothing else.
  private static func inScratch(
    _ bytes: [UInt8], _ name: String, _ body: (String) throws -> Void
  ) throws {
    let shared = "/dev/shm"
    let parent =
      FileManager.default.isWritableFile(atPath: shared)
      ? shared : FileManager.default.temporaryDirectory.path
    let folder = "\(parent)/attnbench-hostile-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    try body(folder)
  }
}
