// SPDX-License-Identifier: MIT

import ArgumentParser
import Comparison
import Reporting
import ResultStore

/// Lists the nights at which series changed.
struct HistoryChangePointsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "changepoints",
    abstract: "List the nights at which a series changed, worst first.",
    discussion: """
      E-divisive (Matteson and James 2014) on the logarithms of the last 100 nights; it needs five \
      nights on each side of a change. In exact metrics, such as planned work, every difference is a \
      change. The same history gives the same list everywhere.

        attnbench history changepoints
        attnbench history changepoints flash@1x8x1024x64 --metric time --smallest 0.5
        attnbench history changepoints --unexpected --worse
      """)

  @Argument(help: "Part of the ids of the cases to search; default is all.")
  var cases: String?

  @OptionGroup var series: SeriesOptions
  @OptionGroup var options: HistoryOptions
  @OptionGroup var search: ChangeOptions

  @Flag(help: "Leave out changes that an annotation explains.")
  var unexpected = false

  @Flag(help: "Leave out all but changes for the worse.")
  var worse = false

  @Option(help: "table, json or markdown.")
  var format = ListFormat.table

  func run() throws {
    let history = try options.open()
    let known = try history.caseIDs()
    if let cases, !known.contains(where: { $0.contains(cases) }) {
      throw Refusal.usage(NameRefusal(kind: "case", name: cases, known: known).message)
    }
    var filter = try series.filter(history)
    if filter.metrics.isEmpty { filter.metrics = HistoryMetric.watched.map(\.name) }
    let annotations = options.annotations().current
    let finder = try search.search()
    let searched = try history.series(filter).filter { item in
      cases.map { item.key.caseID.contains($0) } ?? true
    }
    let changes = searched.flatMap { finder.changes(in: $0, annotations: annotations) }
      .filter { !unexpected || $0.explanation == nil }
      .filter { !worse || $0.effect == .worse }
      .sorted(by: Self.isMoreUrgent)
    let short = searched.count { !finder.canSearch($0) }
    try print(changes, searched: searched.count)
    if short > 0 {
      StandardError.note(
        "\(short) of them have fewer fit nights than a change needs to be seen")
    }
  }

  private func print(_ changes: [HistoryChange], searched: Int) throws {
    if format == .json {
      let document = ChangeListDocument(changes: changes, seriesSearched: searched)
      Swift.print(try document.text(), terminator: "")
      return
    }
    StandardError.note(
      "\(changes.count) change\(changes.count == 1 ? "" : "s") in \(searched) series")
    guard !changes.isEmpty else { return }
    Swift.print(
      Listing(subject: "changes", columns: Self.columns, rows: changes.map(Self.cells))
        .text(format), terminator: "")
  }

  private static let columns = [
    "effect", "change", "metric", "case", "first night", "commits", "before", "after", "p",
    "machine", "explained by",
  ]

  private static func cells(_ change: HistoryChange) -> [String] {
    let metric = change.key.metric
    let unit = HistoryText.unit(of: metric, [change.before, change.after])
    func level(_ value: Double) -> String {
      HistoryText.value(value, of: metric, factor: unit.factor)
        + (unit.name == "1" ? "" : " \(unit.name)")
    }
    let commits = [change.last, change.first].map { HistoryText.commit($0.commit) }
    return [
      change.effect.rawValue, HistoryText.change(change.ratio), metric.name, change.key.caseID,
      HistoryText.night(change.first.run.startedAt), commits.joined(separator: ".."),
      level(change.before), level(change.after), change.pValue.map { "\($0)" } ?? "exact",
      "\(change.key.machine), \(change.key.threads) thr",
      change.explanation.map { "[\($0.id)] \($0.text)" } ?? "",
    ]
  }

  /// Unexplained before explained, worse before others, recent before old, then by name.
  private static func isMoreUrgent(_ first: HistoryChange, _ second: HistoryChange) -> Bool {
    let ranks = [first, second].map { ($0.explanation == nil ? 0 : 3) + rank($0.effect) }
    if ranks[0] != ranks[1] { return ranks[0] < ranks[1] }
    if first.first.run != second.first.run { return second.first.run < first.first.run }
    return first.key < second.key
  }

  private static func rank(_ effect: HistoryChange.Effect) -> Int {
    switch effect {
    case .worse: 0
    case .different: 1
    case .better: 2
    }
  }
}
