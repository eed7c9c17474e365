// SPDX-License-Identifier: MIT

import ResultStore

/// What a run ends with on a terminal: a table per problem, then the sentences of the summary.
///
/// Colours repeat what letters say: `*` marks the fastest of a problem, words mark what failed.
public struct TerminalSummary: Sendable {
  /// Rows that are printed; the report has them all.
  private static let rowLimit = 60

  private let report: Report

  public init(_ report: Report) {
    self.report = report
  }

  public func text(for style: TerminalStyle) -> String {
    let tables = tables(style)
    let sentences = Summary(report).sentences.map { sentence in
      let lines = TextTable.wrap(sentence.plain, width: max(style.width - 2, 20))
      let isBad = ["BOUND VIOLATED", " failed", "differs"].contains { sentence.plain.contains($0) }
      return lines.enumerated().map { index, line in
        (index == 0 ? "- " : "  ") + (isBad ? style.paint(line, .bad) : line)
      }.joined(separator: "\n")
    }
    return (tables + [style.paint("Summary", .heading)] + sentences).joined(separator: "\n")
  }

  private func tables(_ style: TerminalStyle) -> [String] {
    let rows = report.resultRows
    let shown = Array(rows.prefix(Self.rowLimit))
    var lines: [String] = []
    var problems: [String] = []
    for row in shown where !problems.contains(row.record.problemText) {
      problems.append(row.record.problemText)
    }
    for problem in problems {
      let group = shown.filter { $0.record.problemText == problem }
      lines.append(style.paint(Escaping.oneLine(problem), .heading))
      lines += table(group, style) + [""]
    }
    if rows.count > shown.count {
      lines += ["\(rows.count - shown.count) more rows stand in the report.", ""]
    }
    return lines
  }

  /// The rows of one problem; where it does not fit, intervals go first, then the last columns.
  private func table(_ rows: [NumberedRecord], _ style: TerminalStyle) -> [String] {
    let best = rows.filter { $0.record.mechanism.id != "flash" }.max { speed($0) < speed($1) }
    var columns = columns(rows, best: best?.number, hasIntervals: true)
    if minimalWidth(columns) > style.width {
      columns = self.columns(rows, best: best?.number, hasIntervals: false)
    }
    columns = columns.enumerated().filter { index, column in
      index < 2 || column.cells.contains { $0 != "n/a" }
    }.map(\.element)
    while columns.count > 3, minimalWidth(columns) > style.width { columns.removeLast() }
    let table = TextTable(
      columns: columns.map { TextTable.Column($0.heading, isNumeric: $0.isNumeric) },
      rows: rows.indices.map { row in columns.map { $0.cells[row] } })
    let lines = table.lines(width: style.width)
    return lines.enumerated().map { index, line in
      if index == 0 { return style.paint(line, .faint) }
      if line.contains("BOUND VIOLATED") { return style.paint(line, .bad) }
      return line.hasPrefix("*") ? style.paint(line, .good) : line
    }
  }

  private typealias Column = (heading: String, isNumeric: Bool, cells: [String])

  private func minimalWidth(_ columns: [Column]) -> Int {
    columns.reduce(-2) { sum, column in
      let widest = ([column.heading] + column.cells).map(\.count).max() ?? 0
      return sum + 2 + (column.isNumeric ? widest : min(widest, 24))
    }
  }

  private func speed(_ row: NumberedRecord) -> Double {
    guard row.record.status == .measured else { return 0 }
    return row.timing(\.speedUpOverFlash).value.map(\.interval.low) ?? 0
  }

  /// In order of importance after the first two.
  private func columns(
    _ rows: [NumberedRecord], best: Int?, hasIntervals: Bool
  ) -> [Column] {
    let isFaster = rows.contains { $0.number == best && speed($0) > 1 }
    func marked(_ row: NumberedRecord) -> String {
      (isFaster && row.number == best ? "*" : " ") + " #\(row.mark)"
    }
    func numbers(_ cells: [Cell]) -> [String] {
      cells.map { cell in
        switch cell {
        case .text(let text), .code(let text), .number(let text): text
        case .absent: "n/a"
        }
      }
    }
    let times = rows.map { $0.time(.mechanism).map(\.medianNanoseconds) }
    let time = Reporting.Column.duration("time", nanoseconds: times)
    let style = NumberText.significant
    let speeds = rows.map { row in
      let speed = row.timing(\.speedUpOverFlash)
      return hasIntervals ? Cell(speed) : Cell(speed.map(\.value), style: style)
    }
    return [
      ("", false, rows.map(marked)),
      ("mechanism", false, rows.map { Escaping.oneLine($0.record.label) }),
      (time.heading, true, numbers(time.cells)),
      ("over flash", true, numbers(speeds)),
      (
        "bound", true,
        numbers(rows.map { Cell($0.hostBound.flatMap(\.roofline), style: style) })
      ),
      (
        "realised", true,
        numbers(rows.map { Cell($0.timing(\.realisedShare), style: NumberText.percent) })
      ),
      (
        "relative L1", true,
        numbers(rows.map { Cell($0.denseError(\.relativeL1), style: NumberText.scientific) })
      ),
    ]
  }
}
