// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import AttentionMechanisms
import Foundation
import Measurement
import Reporting
import Simulator
import SuiteRunner

/// What there is.
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List mechanisms, suites, cases, machines, counters or metrics.",
    discussion: """
        attnbench list
        attnbench list cases Suites/card.yaml
        attnbench list mechanisms --format markdown
        attnbench list counters
      """)

  enum Subject: String, ExpressibleByArgument, CaseIterable {
    case mechanisms, suites, cases, machines, counters, metrics
  }

  @Argument(help: "One of mechanisms, suites, cases, machines, counters, metrics.")
  var subject = Subject.mechanisms

  @Argument(help: "The suite whose cases are listed.")
  var suite: String?

  @Option(help: "table, json, markdown or, of mechanisms, summary.")
  var format = ListFormat.table

  func run() throws {
    print(try listing().text(format), terminator: "")
  }

  private func listing() throws -> Listing {
    switch subject {
    case .mechanisms: return format == .summary ? summary : mechanisms
    case .suites: return try suites()
    case .cases: return try cases()
    case .machines:
      return try machines
    case .counters: return counters
    case .metrics: return try metrics()
    }
  }

  private var machines: Listing {
    get throws {
      let library = MachineFolders.library
      let rows = try library.ids.map { id in
        let place =
          switch try library.source(id) {
          case .builtIn: "built in"
          case .file(let path): path
          }
        return [id, try library.machine(id).title, place]
      }
      return Listing(
        subject: "machines", columns: ["id", "title", "from"],
        rows: rows + [["host", "this machine", "probed by `attnbench machine probe`"]])
    }
  }

  private var mechanisms: Listing {
    Listing(
      subject: "mechanisms", columns: ["id", "family", "exactness", "inputs", "patterns", "paper"],
      rows: MechanismCatalogue.entries.map { entry in
        let card = entry.card
        let paper = card.origin.arXiv.map { "arXiv:\($0)" } ?? card.origin.title
        return [
          entry.id, card.family.rawValue, card.kind, card.inputs.rawValue,
          card.patterns.sorted().map(\.rawValue).joined(separator: ", "), paper,
        ]
      })
  }

  /// The table of the README.
  private var summary: Listing {
    Listing(
      subject: "mechanisms", columns: ["id", "family", "what", "exactness", "paper"],
      rows: MechanismCatalogue.entries.map { entry in
        let card = entry.card
        let paper = card.origin.arXiv.map { "arXiv:\($0)" } ?? card.origin.title
        return [
          "`\(entry.id)`", card.family.rawValue, card.summary, card.kind, paper,
        ]
      })
  }

  private func suites() throws -> Listing {
    let folder = SuiteLocation.folders.first ?? "Suites"
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let rows = try files.filter { $0.hasSuffix(".yaml") }.sorted().map { file in
      let suite = try SuiteFile.read(path: "\(folder)/\(file)")
      return ["\(folder)/\(file)", "\(suite.cases.count)", suite.mode.rawValue, suite.title]
    }
    return Listing(subject: "suites", columns: ["file", "cases", "mode", "title"], rows: rows)
  }

  private func cases() throws -> Listing {
    guard let suite else { throw Refusal.usage("list cases needs a suite file") }
    let read = try SuiteFile.read(path: SuiteLocation.path(of: suite))
    return Listing(
      subject: "cases", columns: ["id", "mechanism", "shape", "input"],
      rows: read.cases.map { [$0.id, $0.mechanismID, $0.shape.description, $0.input.name] })
  }

  private var counters: Listing {
    Listing(
      subject: "counters", columns: ["source", "name", "unit", "scope", "event", "here"],
      rows: HostCounters(.everything).offers().map { counter in
        let shared = counter.isMultiplexed == true ? "available, shares a register" : "available"
        return [
          counter.source, counter.name, counter.unit, counter.scope ?? "unknown",
          counter.event ?? "none", counter.value.reason ?? shared,
        ]
      })
  }

  private func metrics() throws -> Listing {
    Listing(
      subject: "metrics", columns: ["name", "title", "better", "formula", "meaning"],
      rows: try MetricCatalogue.builtIn().metrics.map {
        [$0.name, $0.title, $0.prefers.rawValue, $0.formula.text, $0.about]
      })
  }
}

/// How a list is printed.
enum ListFormat: String, ExpressibleByArgument, CaseIterable {
  case table, json, markdown
  /// Mechanisms as the README lists them.
  case summary
}

/// Rows of text under headings.
struct Listing {
  let subject: String
  let columns: [String]
  let rows: [[String]]

  func text(_ format: ListFormat) -> String {
    switch format {
    case .table:
      // A terminal breaks long lines anywhere; files and pipes get one line per row.
      return TextTable(columns: columns.map { TextTable.Column($0) }, rows: rows)
        .lines(width: TerminalStyle.outputWidth).map { $0 + "\n" }.joined()
    case .markdown, .summary: return markdown
    case .json: return json
    }
  }

  private var markdown: String {
    let widths = columns.indices.map { column in
      ([columns] + rows).map { $0[column].count }.max() ?? 0
    }
    func line(_ cells: [String]) -> String {
      let padded = zip(cells, widths).map {
        $0 + String(repeating: " ", count: $1 - $0.count)
      }
      return "| \(padded.joined(separator: " | ")) |\n"
    }
    let rule = line(widths.map { String(repeating: "-", count: $0) })
    return line(columns) + rule + rows.map(line).joined()
  }

  private var json: String {
    let items = rows.map { Dictionary(uniqueKeysWithValues: zip(columns, $0)) }
    let object: [String: Any] = ["schema": "attnbench/1", subject: items]
    let data = try? JSONSerialization.data(
      withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data ?? Data(), as: UTF8.self) + "\n"
  }
}
