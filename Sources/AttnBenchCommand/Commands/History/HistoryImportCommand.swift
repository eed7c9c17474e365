// SPDX-License-Identifier: MIT

import ArgumentParser
import Foundation
import ResultStore

/// Takes runs over into the history.
struct HistoryImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Take runs over from their journals; what is known already is left alone.",
    discussion: """
      A path is the folder of a run or any folder above runs. Several imports may run at once, and a \
      run may be imported while it still goes on: the next import takes the rest.

        attnbench history import
        attnbench history import Results/runs/nightly-20260101 \\
          --database Results/history.sqlite
      """)

  @Argument(
    help: "Folders; default is runs and reference beside the database.", completion: .directory)
  var paths: [String] = []

  @OptionGroup var options: HistoryOptions

  @Option(help: "table, json or markdown.")
  var format = ListFormat.table

  func run() throws {
    let roots = paths.isEmpty ? options.place.usualRoots : paths
    guard !roots.isEmpty else {
      throw Refusal.usage(
        "there are no runs beside \(options.database) yet; `attnbench run` makes one, or name a "
          + "folder")
    }
    let folders = try roots.flatMap { root in
      let found = RunDiscovery.folders(below: root)
      guard !found.isEmpty || paths.isEmpty else {
        throw Refusal.usage("\(root) holds no \(RunFolder.journalName), nor does a folder below it")
      }
      return found
    }
    guard !folders.isEmpty else {
      throw Refusal.usage("no run lies below \(roots.joined(separator: " or "))")
    }
    let importer = try HistoryImporter(options.place)
    if try importer.isMissingMetrics() {
      StandardError.note(
        "note: this history was begun by a version that kept fewer metrics; "
          + "`attnbench history rebuild` adds them")
    }
    var runs: [ImportedRun] = []
    var failures: [String] = []
    for folder in folders {
      do {
        runs.append(try importer.importRun(folder))
      } catch {
        guard Self.isAboutFolder(error) else { throw error }
        failures.append("\(folder.path): \(error)")
      }
    }
    print(ImportText.text(runs, format), terminator: "")
    ImportText.note(runs, failures: failures)
    guard failures.isEmpty else { throw ExitCode(2) }
  }

  /// Whether only this folder is at fault, so that the others can still be taken over.
  private static func isAboutFolder(_ error: ResultStoreError) -> Bool {
    switch error {
    case .unreadable, .malformedHeader, .missingHeader, .tooLarge: true
    default: false
    }
  }
}

/// What an import or a rebuild did, for people.
enum ImportText {
  static func text(_ runs: [ImportedRun], _ format: ListFormat = .table) -> String {
    let rows = runs.filter { $0.added + $0.replaced > 0 }.map { run in
      [
        run.name, run.suite, "\(run.records)", "\(run.added)", "\(run.replaced)",
        run.states.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
          .joined(separator: ", "),
      ]
    }
    let known = runs.count - rows.count
    let listing = Listing(
      subject: "runs", columns: ["run", "suite", "records", "new", "replaced", "outcome"],
      rows: rows)
    if format == .json { return listing.text(.json) }
    let rest = known > 0 ? "\(known) run\(known == 1 ? "" : "s") with nothing new\n" : ""
    guard !rows.isEmpty else { return rest }
    return listing.text(format) + (rest.isEmpty || format == .table ? rest : "\n" + rest)
  }

  /// Doubts about runs, and folders that could not be read.
  static func note(_ runs: [ImportedRun], failures: [String]) {
    for run in runs {
      for note in run.notes { StandardError.note("note: \(run.name): \(note)") }
      if run.missing > 0 {
        StandardError.note(
          "note: \(run.name): \(run.missing) records of the history are no longer in its journal; "
            + "they were kept")
      }
    }
    for failure in failures { StandardError.note("not taken over: \(failure)") }
  }
}
