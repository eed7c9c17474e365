// SPDX-License-Identifier: MIT

import Foundation

/// The rows of a comparison as text, for terminals and Markdown alike.
struct ComparisonTable {
  let columns: [String]
  let rows: [[String]]

  init(columns: [String], rows: [[String]]) {
    self.columns = columns
    self.rows = rows
  }

  /// One row per timed case, in the order of the report.
  init(cases report: ComparisonReport) {
    columns = ["case", "base", "head", "change (95 % interval)", "verdict", "p", "q", "pairs"]
    rows = report.cases.compactMap { item in
      item.time.map { [item.caseID] + Self.cells($0) }
    }
  }

  init(controls report: ComparisonReport) {
    columns = ["control", "base", "again", "change (95 % interval)", "verdict", "p", "q", "pairs"]
    rows = report.controls.map { control in
      let name =
        control.kind == .same
        ? "A/A \(control.caseID)"
        : "planted \(PercentText.plain(control.slowdown)) \(control.caseID)"
      guard let time = control.time else {
        return [name] + Array(repeating: "n/a", count: 3) + ["not measured", "", "", ""]
      }
      return [name] + Self.cells(time)
    }
  }

  /// Every change of a quantity without noise.
  init(exact report: ComparisonReport) {
    columns = ["case", "quantity", "change", "verdict"]
    rows = report.cases.flatMap { item in
      item.quantities.filter { $0.verdict != .same }.map {
        [
          item.caseID, $0.quantity.rawValue, $0.changeText, $0.quantity.word($0.verdict),
        ]
      }
    }
  }

  init(families report: ComparisonReport) {
    columns = ["family", "cases", "geometric mean of the change (95 % interval)"]
    rows = report.families.map { mean in
      let ends = mean.ratio.interval
      return [
        mean.family?.rawValue ?? "all", "\(mean.ratio.count)",
        PercentText.change(mean.ratio.value) + " (" + PercentText.change(ends.lower) + " ... "
          + PercentText.change(ends.upper) + ")",
      ]
    }
  }

  /// Cases that were not compared.
  init(uncovered report: ComparisonReport) {
    columns = ["case", "state", "reason"]
    rows = report.cases.compactMap { item in
      item.coverage.reason.map { [item.caseID, item.coverage.word, $0] }
    }
  }

  private static func cells(_ time: ConfirmedTime) -> [String] {
    let last = time.last
    let rounds = time.rounds.count > 1 ? ", round \(time.rounds.count)" : ""
    return [
      PercentText.duration(last.baseNanoseconds), PercentText.duration(last.headNanoseconds),
      last.changeText, ComparedQuantity.time.word(time.verdict),
      String(format: "%.2g", last.pValue), last.qValue.map { String(format: "%.2g", $0) } ?? "",
      "\(last.pairs) in \(last.processes)\(rounds)",
    ]
  }

  /// Columns aligned with spaces; names longer than `width` are cut in the middle.
  func plain(width: Int = 64) -> String {
    let cells = ([columns] + rows).map { row in row.map { Self.clipped($0, width) } }
    let widths = columns.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    return cells.map { row in
      let line = row.indices.map { column in
        row[column].padding(toLength: widths[column], withPad: " ", startingAt: 0)
      }.joined(separator: "  ")
      return line.replacing(/\s+$/, with: "") + "\n"
    }.joined()
  }

  /// A Markdown table; nothing that a name holds can end a cell.
  var markdown: String {
    let lines =
      [columns, columns.map { _ in "---" }] + rows.map { $0.map(MarkdownText.escaped) }
    return lines.map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
  }

  private static func clipped(_ text: String, _ width: Int) -> String {
    guard text.count > width else { return text }
    return text.prefix(width / 2 - 2) + "..." + text.suffix(width - width / 2 - 1)
  }
}

/// Text for places where Markdown has a meaning.
enum MarkdownText {
  /// `text` on one line, with characters that Markdown or HTML reads as marks escaped.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n", "\r", "\t": result += " "
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "|", "\\", "`", "*", "_", "[", "]", "~", "#":
        result += "\\"
        result.unicodeScalars.append(scalar)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
