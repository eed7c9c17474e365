// SPDX-License-Identifier: MIT

import ArgumentParser
import Foundation
import Reporting
import ResultStore

/// The report of stored runs.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write the report of one or more runs as HTML, Markdown, CSV, JSON, LaTeX or plots.",
    discussion: """
      A run is the folder that holds its journal.jsonl. Text goes to stdout, or with --output into \
      that folder; plots need --output. The HTML page holds everything it shows and opens from disk.

        attnbench report Results/runs/card-20260101-120000 --format md
        attnbench report Results/reference/card/zen4-2c-avx512 \\
          --format html > card.html
        attnbench report Results/reference/card/zen4-2c-avx512 \\
          --format svg --output plots
        attnbench report Results/runs/selection-20260101-120000 \\
          --filter 32768x64,causal --format svg --output plots/32k
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case md, csv, json, tex, html, svg, png
  }

  @Argument(help: "Folders of runs.", completion: .directory)
  var runs: [String]
  @Option(name: .customLong("filter"), help: "Show only cases whose id contains this; repeatable.")
  var filters: [String] = []
  @Option(help: "md, csv, json, tex, html, svg or png.")
  var format = Format.md
  @Option(help: "Folder for plots or for the report.")
  var output: String?

  func run() throws {
    let report = try joined()
    if let text = TextFormat(rawValue: format.rawValue) {
      try write(try report.text(as: text), named: text.fileName)
      return
    }
    if format == .html {
      let page = try ReportWriter().page(report, catalogue: ReportCatalogue(report.records))
      try write(page, named: ReportWriter.pageName)
      return
    }
    guard let output, let image = ImageFormat(rawValue: format.rawValue) else {
      throw Refusal.usage("--format \(format.rawValue) needs --output FOLDER")
    }
    try FileManager.default.createDirectory(
      atPath: output, withIntermediateDirectories: true)
    for kind in PlotKind.allCases {
      switch try PlotRenderer().draw(kind, of: report, as: image, in: output) {
      case .value(let name): print("\(output)/\(name)")
      case .absent(let reason): StandardError.write("\(kind.rawValue): \(reason)\n")
      }
    }
  }

  private func write(_ text: String, named name: String) throws {
    guard let output else { return print(text, terminator: "") }
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    try RunFolder(existing: output).write(text, to: name)
    print("\(output)/\(name)")
  }

  private func joined() throws -> Report {
    let reports = try runs.map { path in
      guard FileManager.default.fileExists(atPath: "\(path)/\(RunFolder.journalName)") else {
        throw Refusal.usage("\(path) holds no \(RunFolder.journalName); give the folder of a run")
      }
      return try Report(run: RunFolder(existing: path))
    }
    let records = reports.flatMap(\.records)
    let shown = records.filter { record in
      filters.isEmpty || filters.contains { record.caseID.contains($0) }
    }
    guard records.isEmpty || !shown.isEmpty else {
      throw Refusal.usage(
        "no case of \(runs.joined(separator: ", ")) matches the filters; the first of "
          + "\(records.count) is '\(records[0].caseID)'")
    }
    return Report(
      records: shown, header: reports.first?.header, problems: reports.flatMap(\.problems))
  }
}
