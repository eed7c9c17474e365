// SPDX-License-Identifier: MIT

import ArgumentParser
import Foundation
import ResultStore

/// Makes the history anew.
struct HistoryRebuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebuild",
    abstract: "Make the history anew from the journals that it came from.",
    discussion: """
      The list of imported runs lies beside the database, and so do annotations: deleting the \
      database loses nothing. Without that list, runs and reference beside the database are searched.
      """)

  @Argument(help: "Further folders to search for runs.", completion: .directory)
  var roots: [String] = []

  @Flag(help: "Drop records of the old history whose journals are gone.")
  var discardMissing = false

  @OptionGroup var options: HistoryOptions

  func run() throws {
    for root in roots where RunDiscovery.folders(below: root).isEmpty {
      throw Refusal.usage("\(root) holds no \(RunFolder.journalName), nor does a folder below it")
    }
    let outcome = try HistoryRebuild(
      place: options.place, roots: roots, discardsMissing: discardMissing
    ).run()
    print(ImportText.text(outcome.runs), terminator: "")
    ImportText.note(outcome.runs, failures: outcome.failures)
    if !outcome.discarded.isEmpty {
      StandardError.note("\(outcome.discarded.count) records without a journal were dropped")
    }
    guard outcome.failures.isEmpty else { throw ExitCode(2) }
  }
}
