// SPDX-License-Identifier: MIT

import ArgumentParser
import Comparison
import Configuration
import Reporting
import ResultStore

/// Every metric of every case over time.
struct HistoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Keep and read every metric of every case over time.",
    discussion: """
      A SQLite file that is made from the journals of runs and can be made from them again. A series \
      is one case, metric, machine, thread count and toolchain; another machine begins another series.

        attnbench history import                       take over the runs
        attnbench history show                         where every case stands
        attnbench history show CASE --plot trend.svg   one case, night by night
        attnbench history changepoints                 when did what change?
        attnbench history annotate --run NAME --text "new scheduler"
        attnbench history rebuild                      make the file anew
      """,
    subcommands: [
      HistoryImportCommand.self, HistoryShowCommand.self, HistoryChangePointsCommand.self,
      HistoryAnnotateCommand.self, HistoryExportCommand.self, HistoryRebuildCommand.self,
    ])
}

/// Where the history is.
struct HistoryOptions: ParsableArguments {
  @Option(help: "The SQLite file.", completion: .file(extensions: ["sqlite"]))
  var database = "Results/history.sqlite"

  var place: HistoryPlace { HistoryPlace(database) }

  /// The existing history.
  func open() throws -> History {
    guard place.exists else {
      throw Refusal.usage("\(ResultStoreError.noHistory(file: database))")
    }
    return try History(place)
  }

  /// Its annotations; damaged ones are noted on stderr.
  func annotations() -> HistoryAnnotations {
    let annotations = HistoryAnnotations(place)
    for problem in annotations.problems { StandardError.note("note: \(problem)") }
    return annotations
  }
}

/// Which series to take.
struct SeriesOptions: ParsableArguments {
  @Option(
    name: .customLong("metric"), help: "Name of a metric, such as time or speed-up; repeatable.")
  var metrics: [String] = []

  @Option(help: "Fingerprint or short name of a machine.")
  var machine: String?

  @Option(help: "Worker threads of the runs.")
  var threads: Int?

  /// The filter, with metrics checked against those that `history` has.
  func filter(_ history: History, caseID: String? = nil) throws -> SeriesFilter {
    let known = try history.metricNames()
    for metric in metrics where !known.contains(metric) {
      throw Refusal.usage(
        NameRefusal(kind: "metric", name: metric, known: known).message)
    }
    return SeriesFilter(
      caseID: caseID, metrics: metrics, machine: machine, threads: threads)
  }
}

/// What to answer to a name that a history does not know.
struct NameRefusal {
  let kind: String
  let name: String
  let known: [String]

  var message: String {
    guard !known.isEmpty else { return "there is no \(kind) '\(name)': the history is empty" }
    if let nearest = EditDistance.nearest(to: name, among: known) {
      return "there is no \(kind) '\(name)' in the history. Did you mean '\(nearest)'?"
    }
    let shown = known.prefix(8).joined(separator: ", ")
    let rest = known.count > 8 ? " and \(known.count - 8) more" : ""
    return "there is no \(kind) '\(name)' in the history; it has \(shown)\(rest)"
  }
}

/// Finds the case that a user means.
struct CaseLookup {
  let known: [String]

  /// The case `name` itself, or the only one whose id contains it.
  ///
  /// - Throws: ``Refusal`` with what is near, or with all that contain it.
  func resolve(_ name: String) throws -> String {
    if known.contains(name) { return name }
    let containing = known.filter { $0.contains(name) }
    if containing.count == 1 { return containing[0] }
    guard containing.isEmpty else {
      let shown = containing.prefix(10).map { "  \($0)" }.joined(separator: "\n")
      let rest = containing.count > 10 ? "\n  and \(containing.count - 10) more" : ""
      throw Refusal.usage("\(containing.count) cases contain '\(name)':\n\(shown)\(rest)")
    }
    throw Refusal.usage(NameRefusal(kind: "case", name: name, known: known).message)
  }
}
