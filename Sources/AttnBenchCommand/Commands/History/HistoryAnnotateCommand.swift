// SPDX-License-Identifier: MIT

import ArgumentParser
import Foundation
import ResultStore

/// Writes down what is known about a place in the history.
struct HistoryAnnotateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "annotate",
    abstract: "Explain a change, announce one, or list and take back annotations.",
    discussion: """
      An annotation explains the changes of its cases at its night, or one night off. It lies in a \
      file beside the database, which may be committed and which a rebuild keeps.

        attnbench history annotate --text "a shorter exponential" --at 2026-01-31
        attnbench history annotate flash@ --metric time \\
          --run nightly-20260131 --text "new tiles"
        attnbench history annotate --list
        attnbench history annotate --retract 0123abcd
      """)

  @Argument(help: "Part of the ids of the cases that it is about; default is all.")
  var cases: String?

  @Option(help: "What is known.")
  var text: String?

  @Option(help: "The metric that it is about; default is all.")
  var metric: String?

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp("The first run that it is about.", valueName: "name"))
  var runName: String?

  @Option(help: "The UTC time from which on it holds: 2026-01-31 or 2026-01-31T12:00:00Z.")
  var at: String?

  @Flag(help: "Only a remark: a change there stays news.")
  var remark = false

  @Flag(help: "List the annotations.")
  var list = false

  @Option(help: ArgumentHelp("Take an annotation back.", valueName: "id"))
  var retract: String?

  @Option(help: "For --list: table, json or markdown.")
  var format = ListFormat.table

  @OptionGroup var options: HistoryOptions

  func validate() throws {
    guard [text != nil, list, retract != nil].count(where: { $0 }) == 1 else {
      throw ValidationError("give one of --text, --list and --retract")
    }
    guard text == nil || (runName == nil) != (at == nil) else {
      throw ValidationError("say when: --run NAME or --at TIME")
    }
  }

  func run() throws {
    if list {
      printList()
    } else if let retract {
      try HistoryAnnotations.retract(retract, from: options.place)
      print("annotation \(retract) was taken back")
    } else if let text {
      try add(text)
    }
  }

  private func add(_ text: String) throws {
    guard !text.allSatisfy(\.isWhitespace), text.utf8.count <= 1000 else {
      throw Refusal.usage("--text: write 1 to 1000 bytes")
    }
    let history = try options.open()
    let known = try history.caseIDs()
    if let cases, !known.contains(where: { $0.contains(cases) }) {
      throw Refusal.usage(NameRefusal(kind: "case", name: cases, known: known).message)
    }
    if let metric {
      let names = try history.metricNames()
      guard names.contains(metric) else {
        throw Refusal.usage(NameRefusal(kind: "metric", name: metric, known: names).message)
      }
    }
    let annotation = HistoryAnnotation(
      cases: cases, metric: metric, at: try time(history), text: text, isExpected: !remark,
      madeAt: UTCTime(Date()).text)
    try HistoryAnnotations.add(annotation, to: options.place)
    print("annotation \(annotation.id) from \(annotation.at) on")
  }

  private func time(_ history: History) throws -> String {
    if let at {
      guard let time = UTCTime(at) else {
        throw Refusal.usage("--at \(at): write 2026-01-31 or 2026-01-31T12:00:00Z")
      }
      return time.text
    }
    let runs = try history.runs()
    guard let runName, let found = runs.last(where: { $0.name == runName }) else {
      throw Refusal.usage(
        NameRefusal(kind: "run", name: runName ?? "", known: runs.map(\.name)).message)
    }
    guard !found.startedAt.isEmpty else {
      throw Refusal.usage("run '\(found.name)' does not know its time; use --at")
    }
    return found.startedAt
  }

  private func printList() {
    let rows = options.annotations().current.map { note in
      [
        note.id, note.at, note.cases ?? "all", note.metric ?? "all",
        note.isExpected ? "expected" : "remark", note.text,
      ]
    }
    print(
      Listing(
        subject: "annotations", columns: ["id", "from", "cases", "metric", "kind", "text"],
        rows: rows
      ).text(format), terminator: "")
  }
}
