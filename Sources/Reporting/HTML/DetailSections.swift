// SPDX-License-Identifier: MIT

/// The sections with the tables behind the headline, as a template sees them.
struct DetailSections {
  typealias Context = [String: Any]

  private let report: Report

  init(_ report: Report) {
    self.report = report
  }

  private struct Section {
    let id: String
    let heading: String
    var notes: [String] = []
    let table: Table
    var lines: [(name: String, value: String)] = []
  }

  /// The sections that have rows.
  func contexts(footnotes: inout Footnotes) -> [Context] {
    var contexts: [Context] = []
    for section in sections where section.table.rowCount > 0 || !section.lines.isEmpty {
      var context: Context = [
        "id": section.id, "heading": section.heading, "notes": section.notes,
        "lines": section.lines.map {
          ["name": Escaping.oneLine($0.name), "value": Escaping.oneLine($0.value)] as Context
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

  private var sections: [Section] {
    let rows = report.resultRows
    guard !rows.isEmpty else { return [] }
    return [
      Section(
        id: "ranking", heading: "Ranking", notes: [RankingTable.caption],
        table: RankingTable.table(rows)),
      Section(
        id: "limits", heading: "What keeps cases from their bounds", notes: [LimitTable.caption],
        table: LimitTable.table(rows)),
      Section(
        id: "averages", heading: "By mechanism", notes: [Captions.averages],
        table: AverageTable.table(rows)),
      Section(
        id: "published", heading: "Published figures", notes: [Captions.published],
        table: SimulationTables.published(rows)),
      Section(
        id: "machines", heading: "Bounds by machine", notes: [Captions.machines],
        table: DetailTables.machines(rows)),
      Section(
        id: "predictions", heading: "Predicted against measured", notes: [Captions.predictions],
        table: SimulationTables.predictions(rows)),
      Section(
        id: "chosen", heading: "Chosen keys", notes: [Captions.chosenTiles],
        table: SimulationTables.selections(rows)),
      Section(
        id: "selections", heading: "Selections", notes: [Captions.selections],
        table: DetailTables.selections(rows)),
      Section(
        id: "efficiency", heading: "Efficiency length", notes: [Captions.efficiency],
        table: EfficiencyLengths.table(rows)),
      Section(id: "times", heading: "Times", table: DetailTables.times(rows)),
      Section(
        id: "accuracy", heading: "Accuracy", notes: [Captions.accuracy] + tolerances(rows),
        table: DetailTables.accuracy(rows)),
      Section(id: "work", heading: "Work", table: DetailTables.work(rows)),
      Section(
        id: "counters", heading: "Counters", table: DetailTables.counters(rows),
        lines: DetailTables.missingCounters(rows).map { ($0.name, "not read, \($0.reason)") }),
    ]
  }

  private func tolerances(_ rows: [NumberedRecord]) -> [String] {
    var notes: [String] = []
    for row in rows {
      guard let error = row.record.accuracy.oracle.value else { continue }
      let note =
        "Tolerance \(NumberText.scientific(error.tolerance)): "
        + "\(Escaping.oneLine(error.toleranceReason))."
      if !notes.contains(note) { notes.append(note) }
    }
    return notes
  }
}
