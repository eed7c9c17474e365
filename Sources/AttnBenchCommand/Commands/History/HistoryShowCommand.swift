// SPDX-License-Identifier: MIT

import ArgumentParser
import Comparison
import Foundation
import Reporting
import ResultStore

/// Shows all cases, or one night by night.
struct HistoryShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show where every case stands, or one case night by night.",
    discussion: """
      A case may be named by any part of its id that no other case has.

        attnbench history show
        attnbench history show flash@1x8x1024x64 --metric speed-up --last 10
        attnbench history show flash@1x8x1024x64 --plot trend.svg
      """)

  @Argument(help: "Id of a case, or a part of it.")
  var caseID: String?

  @OptionGroup var series: SeriesOptions
  @OptionGroup var options: HistoryOptions
  @OptionGroup var search: ChangeOptions

  @Flag(
    help:
      "Join a ratio, such as speed-up, across machines and toolchains, relative to its first night."
  )
  var chain = false

  @Option(help: "Nights to print, counted from the last.")
  var last = 30

  @Option(help: "Draw the trend into this file, .svg or .png, with gnuplot.")
  var plot: String?

  @Option(help: "table, json or markdown.")
  var format = ListFormat.table

  func run() throws {
    guard last > 0 else { throw Refusal.usage("--last \(last): give 1 or more") }
    let history = try options.open()
    guard let caseID else {
      guard plot == nil, !chain else { throw Refusal.usage("--plot and --chain need a case") }
      try printOverview(history)
      return
    }
    let known = try history.caseIDs()
    let id = try CaseLookup(known: known).resolve(caseID)
    var filter = try series.filter(history, caseID: id)
    if filter.metrics.isEmpty {
      filter.metrics = chain ? [HistoryMetric.speedUp.name] : Self.usualMetrics
    }
    let stored = try history.series(filter)
    guard !stored.isEmpty else { throw Refusal.usage(try nothingFound(id, history)) }
    let found = chain ? RatioChain.joining(stored) : stored
    guard !found.isEmpty else {
      let names = RatioChain.metrics.map(\.name).joined(separator: ", ")
      throw Refusal.usage("--chain joins ratios only: \(names)")
    }
    let annotations = options.annotations()
    let finder = try search.search()
    let lines = found.map { item in
      TrendPlot.Line(
        series: item, changes: finder.changes(in: item, annotations: annotations.current))
    }
    if let plot { try draw(lines, annotations, to: plot) }
    try printLines(lines, annotations)
  }

  private static let usualMetrics = [HistoryMetric.time.name, HistoryMetric.time.cold.name]

  /// Why a case has no series, with how its last run ended.
  private func nothingFound(_ id: String, _ history: History) throws -> String {
    let metrics = series.metrics.isEmpty ? "time" : series.metrics.joined(separator: " or ")
    guard let last = try history.outcomes().last(where: { $0.caseID == id }) else {
      return "\(id) has no \(metrics)"
    }
    let reason = last.reason.map { ": \($0)" } ?? ""
    return "\(id) has no \(metrics) for these options; in its last run, \(last.run.name), it was "
      + "\(last.state)\(reason)"
  }

  private func draw(
    _ lines: [TrendPlot.Line], _ annotations: HistoryAnnotations, to path: String
  ) throws {
    guard let image = ImageFormat.allCases.first(where: { path.hasSuffix(".\($0.rawValue)") })
    else { throw Refusal.usage("--plot \(path): the name must end in .svg or .png") }
    guard Set(lines.map(\.series.key.metric)).count == 1 else {
      throw Refusal.usage("--plot draws one metric; choose it with --metric")
    }
    let notes = annotations.current.filter { note in
      lines.contains { note.concerns($0.series.key) }
    }
    try PlotRenderer().draw(TrendPlot(lines, annotations: notes), as: image, to: path)
    StandardError.note(path)
  }

  private func printLines(
    _ lines: [TrendPlot.Line], _ annotations: HistoryAnnotations
  ) throws {
    if format == .json {
      let notes = annotations.current.filter { note in
        lines.contains { note.concerns($0.series.key) }
      }
      print(
        try HistoryDocument(
          series: lines.map { ($0.series, $0.changes) }, annotations: notes
        ).text(), terminator: "")
      return
    }
    let texts = lines.map {
      SeriesText(line: $0, annotations: annotations.about($0.series.key)).text(format, last: last)
    }
    print(texts.joined(separator: "\n"), terminator: "")
  }

  private func printOverview(_ history: History) throws {
    var filter = try series.filter(history)
    if filter.metrics.isEmpty { filter.metrics = Self.usualMetrics }
    let found = try history.series(filter)
    guard !found.isEmpty else {
      throw Refusal.usage("the history has no such series; `attnbench history import` adds runs")
    }
    let annotations = options.annotations().current
    let finder = try search.search()
    let rows = found.map { item in
      OverviewRow(
        series: item, change: finder.changes(in: item, annotations: annotations).last,
        isSearchable: finder.canSearch(item)
      ).cells
    }
    print(
      Listing(subject: "series", columns: OverviewRow.columns, rows: rows).text(format),
      terminator: "")
  }
}

/// How changes are looked for.
struct ChangeOptions: ParsableArguments {
  @Option(help: "Nights that are searched for changes, counted from the last.")
  var nights = 100

  @Option(help: "Leave out changes of sampled metrics below this [%].")
  var smallest = 1.0

  func search() throws -> ChangeSearch {
    guard (1...1000).contains(nights) else {
      throw Refusal.usage("--nights \(nights): give 1 to 1000")
    }
    guard smallest >= 0, smallest.isFinite else {
      throw Refusal.usage("--smallest \(smallest): give 0 or more, in per cent")
    }
    return ChangeSearch(nights: nights, smallest: smallest / 100)
  }
}
