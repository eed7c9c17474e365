// SPDX-License-Identifier: MIT

/// One table behind the headline, with what explains it, before a format writes it.
struct ReportSection {
  let id: String
  let heading: String
  /// What the columns mean.
  var caption = ""
  /// A list below the caption, as recorded: each format escapes it.
  var remarks: [String] = []
  let table: Table
  /// What could not be read, and why, as recorded.
  var missing: [(name: String, reason: String)] = []

  var isEmpty: Bool { table.rowCount == 0 && missing.isEmpty }
}

/// The sections that every written report shows, in their order.
struct ReportSections {
  private let rows: [NumberedRecord]

  init(_ rows: [NumberedRecord]) {
    self.rows = rows
  }

  /// Tables that set the mechanisms against each other; empty ones are left out.
  var comparisons: [ReportSection] {
    [
      ReportSection(
        id: "ranking", heading: "Ranking", caption: RankingTable.caption,
        table: RankingTable.table(rows)),
      ReportSection(
        id: "limits", heading: "What keeps cases from their bounds", caption: LimitTable.caption,
        table: LimitTable.table(rows)),
      ReportSection(
        id: "averages", heading: "By mechanism", caption: Captions.averages,
        table: AverageTable.table(rows)),
    ].filter { !$0.isEmpty }
  }

  /// Tables with the details of each case; empty ones are left out.
  var details: [ReportSection] {
    [
      ReportSection(
        id: "published", heading: "Published figures", caption: Captions.published,
        table: SimulationTables.published(rows)),
      ReportSection(
        id: "machines", heading: "Roofline bounds by machine", caption: Captions.machines,
        table: DetailTables.machines(rows)),
      ReportSection(
        id: "predictions", heading: "Predicted against measured", caption: Captions.predictions,
        table: SimulationTables.predictions(rows)),
      ReportSection(
        id: "chosen", heading: "Chosen keys", caption: Captions.chosenTiles,
        table: SimulationTables.selections(rows)),
      ReportSection(
        id: "selections", heading: "Selections", caption: Captions.selections,
        table: DetailTables.selections(rows)),
      ReportSection(
        id: "efficiency", heading: "Efficiency length", caption: Captions.efficiency,
        table: EfficiencyLengths.table(rows)),
      ReportSection(id: "times", heading: "Times", table: DetailTables.times(rows)),
      ReportSection(
        id: "accuracy", heading: "Accuracy", caption: Captions.accuracy, remarks: tolerances,
        table: DetailTables.accuracy(rows)),
      ReportSection(id: "work", heading: "Work", table: DetailTables.work(rows)),
      ReportSection(
        id: "counters", heading: "Counters", table: DetailTables.counters(rows),
        missing: DetailTables.missingCounters(rows)),
    ].filter { !$0.isEmpty }
  }

  /// Each tolerance once, with its reason.
  private var tolerances: [String] {
    var remarks: [String] = []
    for row in rows {
      guard let error = row.record.accuracy.oracle.value else { continue }
      let remark =
        "Tolerance \(NumberText.scientific(error.tolerance)): \(error.toleranceReason)."
      if !remarks.contains(remark) { remarks.append(remark) }
    }
    return remarks
  }
}
