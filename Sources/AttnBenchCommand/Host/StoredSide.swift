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
    try read(folders(path), name: URL(fileURLWithPath: path).lastPathComponent)
  }

  /// The latest runs of `suite` below `root`, oldest first.
  ///
  /// - Throws: ``Refusal`` if there is none.
  static func nights(
    of suite: String, below root: String, count: Int = 10
  ) throws -> (runs: StoredRuns, notes: [String]) {
    let found = (try? folders(root)) ?? []
    let nights = found.compactMap { folder in
      (try? folder.header()).map { (start: $0.startedAt, suite: $0.suite, folder: folder) }
    }
    let latest = nights.filter { $0.suite == suite }.sorted { $0.start < $1.start }.suffix(count)
    guard !latest.isEmpty else {
      throw Refusal.usage(
        "--baseline history: there is no run of the suite '\(suite)' below \(root); make one with "
          + "'attnbench run', or name the folder of runs with --runs")
    }
    return try read(latest.map(\.folder), name: "history")
  }

  private static func read(
    _ folders: [RunFolder], name: String
  ) throws -> (runs: StoredRuns, notes: [String]) {
    var notes: [String] = []
    let runs = try folders.map { folder in
      let contents = try folder.contents()
      notes += contents.problems.map { "run \(folder.name): \($0)" }
      return contents.records
    }
    guard runs.contains(where: { !$0.isEmpty }) else {
      throw Refusal.usage("\(name) holds no record; run the suite to its end first")
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
