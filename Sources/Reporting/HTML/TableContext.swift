// SPDX-License-Identifier: MIT

/// A ``Table`` as a template sees it.
struct TableContext {
  typealias Context = [String: Any]

  /// Columns that are shown and hidden together.
  struct Group {
    let key: String
    let name: String
    let columns: [Column]
  }

  /// The headline: groups of columns, one row per case.
  static func headline(
    _ groups: [Group], rows: [NumberedRecord], footnotes: inout Footnotes
  ) -> Context {
    var columns: [Context] = []
    var cells = [[Context]](repeating: [], count: rows.count)
    for group in groups {
      for (index, column) in group.columns.enumerated() {
        let classes = classes(column) + ["g-\(group.key)"] + (index == 0 ? ["first"] : [])
        columns.append(heading(column, classes: classes))
        for (row, cell) in column.cells.enumerated() {
          cells[row].append(
            context(
              cell, classes: classes, row: column.heading == "#" ? rows[row] : nil,
              footnotes: &footnotes))
        }
      }
    }
    return [
      "tableID": "headline", "label": "Results, a row per case", "hasGroups": true,
      "groups": groups.map {
        ["key": $0.key, "name": $0.name, "span": String($0.columns.count)] as Context
      },
      "columns": columns, "rows": zip(rows, cells).map { self.row($0, cells: $1) },
    ]
  }

  /// Any other table; numbers in a column `#` lead to their cases.
  static func plain(
    _ table: Table, id: String, label: String, footnotes: inout Footnotes
  ) -> Context {
    var rows: [Context] = []
    for index in 0..<table.rowCount {
      var cells: [Context] = []
      for column in table.columns {
        cells.append(
          context(
            column.cells[index], classes: classes(column), isCase: column.heading == "#",
            footnotes: &footnotes))
      }
      rows.append(["cells": cells])
    }
    return [
      "tableID": id, "label": label, "hasGroups": false,
      "columns": table.columns.map { heading($0, classes: classes($0)) },
      "rows": rows,
    ]
  }

  private static func row(_ row: NumberedRecord, cells: [Context]) -> Context {
    let record = row.record
    let facts: Context = [
      "number": String(row.number), "family": record.mechanism.family.rawValue,
      "shape": record.problem.shape.description,
      "precision": Escaping.oneLine(record.problem.precision),
      "exactness": record.mechanism.exactness.rawValue,
    ]
    var isBad = false
    if case .boundViolated = record.status { isBad = true }
    return ["row": facts, "isBad": isBad, "cells": cells]
  }

  private static func heading(_ column: Column, classes: [String]) -> Context {
    // The bar of a share stands behind numbers alone.
    ["name": column.heading, "class": classes.filter { $0 != "share" }.joined(separator: " ")]
  }

  private static func classes(_ column: Column) -> [String] {
    var classes = column.isNumeric ? ["n"] : []
    switch column.heading {
    case "mechanism": classes.append("key")
    case "parameters": classes.append("params")
    case "realised share": classes.append("share")
    default: break
    }
    return classes
  }

  private static func context(
    _ cell: Cell, classes: [String], row: NumberedRecord?, footnotes: inout Footnotes
  ) -> Context {
    var context = context(cell, classes: classes, isCase: row != nil, footnotes: &footnotes)
    if let row { context["case"] = ["number": String(row.number), "text": row.mark] }
    return context
  }

  private static func context(
    _ cell: Cell, classes: [String], isCase: Bool, footnotes: inout Footnotes
  ) -> Context {
    var context: Context = ["class": classes.joined(separator: " ")]
    switch cell {
    case .text(let text): context["text"] = Escaping.oneLine(text)
    case .code(let text) where text.isEmpty: context["text"] = "\u{2013}"
    case .code(let text): context["code"] = Escaping.oneLine(text)
    case .number(let text) where isCase:
      let number = String(text.prefix { $0.isNumber })
      context["case"] = ["number": number, "text": text]
    case .number(let text): addNumber(text, to: &context, isShare: classes.contains("share"))
    case .absent(let reason):
      context["absent"] = [
        "reason": Escaping.oneLine(reason), "number": String(footnotes.number(of: reason)),
      ]
    }
    return context
  }

  /// A number, its interval apart, and the length of the bar behind a share.
  private static func addNumber(_ text: String, to context: inout Context, isShare: Bool) {
    let parts = text.split(separator: " (", maxSplits: 1)
    if parts.count == 2, parts[1].hasSuffix(")") {
      context["text"] = String(parts[0])
      context["interval"] = parts[1].dropLast().replacing(" ... ", with: "\u{2013}")
      return
    }
    context["text"] = text
    guard isShare, text.hasSuffix(" %"), let percent = Double(text.dropLast(2)) else { return }
    context["share"] = String(min(max(percent / 100, 0), 1))
  }
}
