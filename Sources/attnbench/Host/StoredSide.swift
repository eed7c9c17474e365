// SPDX-License-Identifier: MIT

import Comparison
import Foundation
import ResultStore

/// Reads one side of a comparison from disk.
enum StoredSide {
  /// The run in the folder `path`, or all runs in the folders below it.
  ///
  /// - Throws: ``Refusal`` if there is no run, ``ResultStoreError`` for a journal that is too large.
  static func read(_ path: String) throws -> (runs: StoredRuns, notes: [String]) {
    let folders = try folders(path)
    var notes: [String] = []
    let runs = try folders.map { folder in
      let contents = try folder.contents()
      notes += contents.problems.map { "run \(folder.name): \($0)" }
      return contents.records
    }
    let name = URL(fileURLWithPath: path).lastPathComponent
    guard runs.contains(where: { !$0.isEmpty }) else {
      throw Refusal.usage("\(path) holds no record; run the suite to its end first")
    }
    let suffix = folders.count > 1 ? " (\(folders.count) runs)" : ""
    return (StoredRuns(name: name + suffix, runs: runs), notes)
  }

  private static func folders(_ path: String) throws -> [RunFolder] {
    let own = RunFolder(existing: path)
    if own.hasJournal { return [own] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    let found = names.sorted().map { RunFolder(existing: "\(path)/\($0)") }.filter(\.hasJournal)
    guard !found.isEmpty else {
      throw Refusal.usage(
        "\(path) holds no \(RunFolder.journalName); give the folder of a run, or a folder of runs")
    }
    return found
  }
}
