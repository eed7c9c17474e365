// SPDX-License-Identifier: MIT

import ArgumentParser
import Foundation
import Reporting
import ResultStore

/// Writes the whole history for other programs.
struct HistoryExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write every point as CSV, or points, outcomes and annotations as JSON.",
    discussion: """
      Equal histories give equal bytes, in whatever order their runs were imported.

        attnbench history export > history.csv
        attnbench history export --format json --metric time --output history.json
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case csv, json
  }

  @OptionGroup var series: SeriesOptions
  @OptionGroup var options: HistoryOptions

  @Option(help: "csv or json.")
  var format = Format.csv

  @Option(help: "File to write; default is stdout.")
  var output: String?

  func run() throws {
    let history = try options.open()
    let found = try history.series(try series.filter(history))
    let text: String
    switch format {
    case .csv: text = HistoryCSV.header + found.map(HistoryCSV.lines).joined()
    case .json:
      text = try HistoryDocument(
        runs: try history.runs(), series: found, annotations: options.annotations().current,
        outcomes: try history.outcomes()
      ).text()
    }
    guard let output else {
      print(text, terminator: "")
      return
    }
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: output), options: .atomic)
    } catch {
      throw ResultStoreError.unwritable(file: output, cause: error.localizedDescription)
    }
  }
}
