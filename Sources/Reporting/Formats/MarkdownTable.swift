// SPDX-License-Identifier: MIT

/// A ``Table`` in GitHub's Markdown.
enum MarkdownTable {
  /// The lines of `table`; absent cells read `n/a [1]` and their reasons go to `footnotes`.
  static func text(_ table: Table, footnotes: inout Footnotes) -> String {
    var lines = [
      line(table.columns.map { Escaping.markdown($0.heading) }),
      line(table.columns.map { $0.isNumeric ? "---:" : "---" }),
    ]
    for index in 0..<table.rowCount {
      lines.append(line(table.row(index).map { cell($0, footnotes: &footnotes) }))
    }
    return lines.joined(separator: "\n")
  }

  private static func line(_ cells: [String]) -> String {
    "| " + cells.joined(separator: " | ") + " |"
  }

  private static func cell(_ cell: Cell, footnotes: inout Footnotes) -> String {
    switch cell {
    case .text(let text): Escaping.markdown(text)
    case .code(let text): Escaping.markdownCode(text)
    case .number(let text): text
    case .absent(let reason): "n/a [\(footnotes.number(of: reason))]"
    }
  }
}
