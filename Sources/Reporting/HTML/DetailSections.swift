// SPDX-License-Identifier: MIT

/// The sections with the tables behind the headline, as a template sees them.
struct DetailSections {
  typealias Context = [String: Any]

  private let sections: [ReportSection]

  init(_ report: Report) {
    let all = ReportSections(report.resultRows)
    sections = report.resultRows.isEmpty ? [] : all.comparisons + all.details
  }

  func contexts(footnotes: inout Footnotes) -> [Context] {
    var contexts: [Context] = []
    for section in sections {
      let caption = section.caption.isEmpty ? [] : [section.caption]
      var context: Context = [
        "id": section.id, "heading": section.heading,
        "notes": caption + section.remarks.map(Escaping.oneLine),
        "lines": section.missing.map {
          [
            "name": Escaping.oneLine($0.name),
            "value": Escaping.oneLine("not read, \($0.reason)"),
          ] as Context
        },
      ]
      if section.table.rowCount > 0 {
        context["table"] = TableContext.plain(
          section.table, id: "\(section.id)-table", label: section.heading, footnotes: &footnotes)
      }
      contexts.append(context)
    }
    return contexts
  }
}
