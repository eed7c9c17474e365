// SPDX-License-Identifier: MIT

import Foundation

/// Makes a history anew from the journals that it came from.
public struct HistoryRebuild {
  public let place: HistoryPlace
  /// Roots that are searched for runs besides those that were imported before.
  public let roots: [String]
  /// Whether runs may be dropped whose journals are gone.
  public let discardsMissing: Bool

  /// What was read, and what could not be.
  public struct Outcome: Sendable {
    public internal(set) var runs: [ImportedRun] = []
    /// Folders that could not be read, and why.
    public internal(set) var failures: [String] = []
    /// Records of the old history whose journals are gone; empty unless they may be dropped.
    public internal(set) var discarded: [HistoryOutcome] = []
  }

  public init(place: HistoryPlace, roots: [String] = [], discardsMissing: Bool = false) {
    self.place = place
    self.roots = roots
    self.discardsMissing = discardsMissing
  }

  /// Builds the new history beside the old one and puts it in its place in one step.
  ///
  /// Without a list of imported runs and without roots, the usual roots are searched.
  ///
  /// - Throws: ``ResultStoreError/wouldLose(file:runs:records:)`` if the old history has records
  ///   that no journal holds, `newerHistory` if the old one is of a newer version, and whatever
  ///   else keeps a history from being written; the old one is then as it was.
  public func run(patience: Double = 120) throws(ResultStoreError) -> Outcome {
    let lock = try History.lock(place, patience: patience)
    let sources = try HistorySources(place)
    let known = try knownOutcomes()
    let unfinished = HistoryPlace(place.unfinished)
    remove(unfinished.database)
    defer { remove(unfinished.database) }
    var outcome = Outcome()
    let importer = try HistoryImporter(unfinished: unfinished, lock: lock, sources: sources)
    for folder in folders(sources) {
      do {
        outcome.runs.append(try importer.importRun(folder))
      } catch {
        outcome.failures.append("\(folder.path): \(error)")
      }
    }
    let found = Set(try importer.history.outcomes().map(Identity.init))
    outcome.discarded = known.filter { !found.contains(Identity($0)) }
    guard discardsMissing || outcome.discarded.isEmpty else {
      throw .wouldLose(
        file: place.database,
        runs: Set(outcome.discarded.map(\.run)).map(\.name).sorted(),
        records: outcome.discarded.count)
    }
    try replace(with: importer.history)
    return outcome
  }

  private struct Identity: Hashable {
    let run: String
    let caseID: String

    init(_ outcome: HistoryOutcome) {
      run = outcome.run.key
      caseID = outcome.caseID
    }
  }

  /// The old history's records; one that is damaged beyond reading has none to lose.
  private func knownOutcomes() throws(ResultStoreError) -> [HistoryOutcome] {
    guard place.exists else { return [] }
    do {
      let old = try History(writing: place)
      let outcomes = try old.outcomes()
      try? old.queue.close()
      return outcomes
    } catch .damagedHistory {
      return []
    }
  }

  private func folders(_ sources: HistorySources) -> [RunFolder] {
    var folders = sources.folders.map { RunFolder(existing: $0) }
    let searched = sources.paths.isEmpty && roots.isEmpty ? place.usualRoots : roots
    folders += searched.flatMap { RunDiscovery.folders(below: $0) }
    var seen: Set<String> = []
    return folders.filter {
      seen.insert(URL(fileURLWithPath: $0.path).standardizedFileURL.path).inserted
    }
  }

  private func replace(with history: History) throws(ResultStoreError) {
    let new = history.place.database
    try History.access(new) { try history.queue.close() }
    // A journal of the old file would be played back into the new one.
    for file in HistoryPlace.companions(of: place.database) { unlink(file) }
    guard rename(new, place.database) == 0 else {
      throw .unwritable(file: place.database, cause: systemErrorText())
    }
  }

  private func remove(_ database: String) {
    for file in [database] + HistoryPlace.companions(of: database) { unlink(file) }
  }
}
