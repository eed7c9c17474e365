// SPDX-License-Identifier: MIT

import ResultStore

/// A report as LaTeX with booktabs: a document that compiles, whose tables can be pasted.
struct LaTeXReport {
  /// Rows that fit a landscape page below a heading.
  private static let rowsPerTable = 28

  private let report: Report

  init(_ report: Report) {
    self.report = report
  }

  var text: String {
    var footnotes = Footnotes()
    let rows = report.resultRows
    var parts = [preamble]
    let tables = tables(rows, footnotes: &footnotes)
    let names = report.suites.map(Escaping.latex).joined(separator: ", ")
    parts.append("\\section*{attnbench\(names.isEmpty ? "" : ": \(names)")}")
    parts.append(list(Summary(report).sentences.map(\.latex), "itemize"))
    parts += tables
    if !footnotes.reasons.isEmpty {
      parts.append("\\paragraph{Why a number is missing}")
      parts.append(
        list(
          footnotes.reasons.enumerated().map {
            "[{[\($0.offset + 1)]}] \(Escaping.latex($0.element))"
          }, "description", separator: "\\item"))
    }
    parts.append("\\end{document}")
    return parts.joined(separator: "\n\n") + "\n"
  }

  private var preamble: String {
    """
    % The tables need \\usepackage{booktabs} and \\usepackage{graphicx}.
    \\documentclass[a4paper,10pt]{article}
    \\usepackage[a4paper,landscape,margin=15mm]{geometry}
    \\usepackage{booktabs}
    \\usepackage{graphicx}
    \\begin{document}
    """
  }

  private func tables(_ rows: [NumberedRecord], footnotes: inout Footnotes) -> [String] {
    let speed =
      "Bounds and measured speed. Speed-ups over our \\texttt{flash} in f32 and over dense "
      + "attention in the same precision, on the same host, with 95\\,\\% intervals. GFLOP/s count "
      + "the products of the plan: a multiply-add is 2 operations, only attended pairs count, and "
      + "exponentials do not."
    let price =
      "Distance from dense softmax attention on the same input, error against the mechanism's own "
      + "definition in double precision, and workspace."
    var tables = averages(rows, footnotes: &footnotes)
    for start in stride(from: 0, to: rows.count, by: Self.rowsPerTable) {
      let slice = start..<min(start + Self.rowsPerTable, rows.count)
      tables.append(
        table(
          HeadlineTable.identity(rows) + HeadlineTable.bounds(rows) + HeadlineTable.speed(rows),
          rows: slice, caption: speed, footnotes: &footnotes))
      tables.append(
        table(
          HeadlineTable.identity(rows) + HeadlineTable.price(rows), rows: slice, caption: price,
          footnotes: &footnotes))
    }
    return tables
  }

  /// The table that fits a paper's page: a row per mechanism and setting.
  private func averages(_ rows: [NumberedRecord], footnotes: inout Footnotes) -> [String] {
    let table = AverageTable.table(rows)
    guard table.rowCount > 0 else { return [] }
    return [
      self.table(
        table.columns, rows: 0..<table.rowCount, caption: Escaping.latex(Captions.averages),
        footnotes: &footnotes)
    ]
  }

  private func table(
    _ columns: [Column], rows: Range<Int>, caption: String, footnotes: inout Footnotes
  ) -> String {
    let table = Table(columns: columns)
    var lines = [
      "\\begin{table}[htbp]", "\\centering", "\\caption{\(caption)}",
      "\\resizebox{\\linewidth}{!}{%",
      "\\begin{tabular}{\(columns.map { $0.isNumeric ? "r" : "l" }.joined())}", "\\toprule",
      columns.map(heading).joined(separator: " & ") + " \\\\", "\\midrule",
    ]
    for index in rows {
      let cells = table.row(index).map { cell($0, footnotes: &footnotes) }
      lines.append(cells.joined(separator: " & ") + " \\\\")
    }
    lines += ["\\bottomrule", "\\end{tabular}}", "\\end{table}"]
    return lines.joined(separator: "\n")
  }

  /// A heading in short lines, so that numbers and not words set the width of a column.
  private func heading(_ column: Column) -> String {
    let lines = TextTable.wrap(column.heading, width: 12).map(Escaping.latex)
    guard lines.count > 1 else { return lines.joined() }
    return "\\shortstack[\(column.isNumeric ? "r" : "l")]{\(lines.joined(separator: " \\\\ "))}"
  }

  private func cell(_ cell: Cell, footnotes: inout Footnotes) -> String {
    switch cell {
    case .text(let text): Escaping.latex(text)
    case .code(let text): text.isEmpty ? "(none)" : "\\texttt{\(Escaping.latex(text))}"
    case .number(let text): number(text)
    case .absent(let reason): "n/a\\,[\(footnotes.number(of: reason))]"
    }
  }

  /// A number with its exponent, percent sign and dots in LaTeX's form.
  private func number(_ text: String) -> String {
    guard !text.contains("e") else {
      let parts = text.split(separator: "e")
      guard parts.count == 2, let exponent = Int(parts[1]) else { return Escaping.latex(text) }
      return "$\(parts[0]) \\times 10^{\(exponent)}$"
    }
    return text.replacing(" %", with: "\\,\\%").replacing(" ... ", with: "--")
  }

  private func list(_ items: [String], _ kind: String, separator: String = "\\item ") -> String {
    (["\\begin{\(kind)}"] + items.map { separator + $0 } + ["\\end{\(kind)}"])
      .joined(separator: "\n")
  }
}
