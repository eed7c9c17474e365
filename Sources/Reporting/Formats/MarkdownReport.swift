// SPDX-License-Identifier: MIT

import ResultStore

/// A report as one Markdown page.
struct MarkdownReport {
  private let report: Report
  private let images: Set<PlotKind>

  init(_ report: Report, images: Set<PlotKind>) {
    self.report = report
    self.images = images
  }

  var text: String {
    var footnotes = Footnotes()
    let rows = report.resultRows
    var sections = [title, summary]
    if !rows.isEmpty {
      sections += [
        section(
          "Results",
          Captions.headline,
          MarkdownTable.text(HeadlineTable.table(rows), footnotes: &footnotes)),
        optional(
          "Ranking", RankingTable.caption, RankingTable.table(rows), footnotes: &footnotes),
        optional(
          "What keeps cases from their bounds", LimitTable.caption, LimitTable.table(rows),
          footnotes: &footnotes),
        optional(
          "By mechanism", Captions.averages, AverageTable.table(rows), footnotes: &footnotes),
        plots,
        optional(
          "Published figures",
          Captions.published,
          SimulationTables.published(rows), footnotes: &footnotes),
        section(
          "Roofline bounds by machine",
          Captions.machines,
          MarkdownTable.text(DetailTables.machines(rows), footnotes: &footnotes)),
        optional(
          "Predicted against measured",
          Captions.predictions,
          SimulationTables.predictions(rows), footnotes: &footnotes),
        optional(
          "Chosen keys",
          Captions.chosenTiles,
          SimulationTables.selections(rows), footnotes: &footnotes),
        optional(
          "Efficiency length",
          Captions.efficiency,
          EfficiencyLengths.table(rows), footnotes: &footnotes),
        section("Times", MarkdownTable.text(DetailTables.times(rows), footnotes: &footnotes)),
        section(
          "Accuracy",
          Captions.accuracy,
          tolerances(rows),
          MarkdownTable.text(DetailTables.accuracy(rows), footnotes: &footnotes)),
        optional(
          "Selections",
          Captions.selections,
          DetailTables.selections(rows), footnotes: &footnotes),
        section("Work", MarkdownTable.text(DetailTables.work(rows), footnotes: &footnotes)),
        counters(rows, footnotes: &footnotes),
        reasons(footnotes),
      ]
    }
    sections += [coverage, environment, section("How to read this", MethodText.reading)]
    sections += [section("Method", MethodText.method), commands]
    return sections.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
  }

  private var title: String {
    let names = report.suites.map(Escaping.markdown).joined(separator: ", ")
    return "# attnbench report" + (names.isEmpty ? "" : ": \(names)")
  }

  private var summary: String {
    Summary(report).sentences.map { "- " + $0.markdown }.joined(separator: "\n")
  }

  private var plots: String {
    let lines = PlotKind.allCases.map { kind in
      images.contains(kind)
        ? "![\(kind.title)](\(kind.fileName(.svg)))"
        : "\(kind.title): \(Escaping.markdown(absence(of: kind)))."
    }
    return section("Plots", lines.joined(separator: "\n\n"))
  }

  private func absence(of kind: PlotKind) -> String {
    let script = report.plotScript(kind, output: PlotOutput(path: "", format: .svg))
    return "no picture here, because " + (script.reason ?? "it was not drawn")
  }

  private func tolerances(_ rows: [NumberedRecord]) -> String {
    var reasons: [String] = []
    for row in rows {
      guard let error = row.record.accuracy.oracle.value else { continue }
      let reason =
        "- Tolerance \(NumberText.scientific(error.tolerance)): "
        + "\(Escaping.markdown(error.toleranceReason))."
      if !reasons.contains(reason) { reasons.append(reason) }
    }
    return reasons.joined(separator: "\n")
  }

  private func counters(_ rows: [NumberedRecord], footnotes: inout Footnotes) -> String {
    let table = DetailTables.counters(rows)
    let missing = DetailTables.missingCounters(rows).map {
      "- \(Escaping.markdownCode($0.name)): \(Escaping.markdown($0.reason))"
    }
    var parts: [String] = []
    if table.rowCount > 0 { parts.append(MarkdownTable.text(table, footnotes: &footnotes)) }
    if !missing.isEmpty {
      parts.append("Counters that could not be read:\n\n" + missing.joined(separator: "\n"))
    }
    return parts.isEmpty ? "" : section("Counters", parts.joined(separator: "\n\n"))
  }

  private func reasons(_ footnotes: Footnotes) -> String {
    guard !footnotes.reasons.isEmpty else { return "" }
    let lines = footnotes.reasons.enumerated().map {
      "- [\($0.offset + 1)] \(Escaping.markdown($0.element))"
    }
    return section("Why a number is missing", lines.joined(separator: "\n"))
  }

  /// Cases without results, and cases whose results contradict the model.
  private var coverage: String {
    let lines = report.rows.compactMap { row -> String? in
      guard let explanation = row.record.status.explanation else { return nil }
      var text =
        "- #\(row.number) \(Escaping.markdownCode(row.record.caseID)) "
        + "**\(row.record.status.phrase)**: \(Escaping.markdown(explanation))"
      if case .failed = row.record.status, let error = row.record.accuracy.oracle.value {
        text +=
          " (relative L2 \(NumberText.scientific(error.relativeL2)), tolerance "
          + "\(NumberText.scientific(error.tolerance)) at `\(error.shape)`)"
      }
      return text
    }
    let problems = report.problems.map { "- " + Escaping.markdown($0.description) }
    guard !(lines + problems).isEmpty else { return "" }
    return section(
      "Skipped, failed and contradicted", (lines + problems).joined(separator: "\n"))
  }

  private var environment: String {
    let lines = EnvironmentText(report).lines.map {
      "- \($0.name): \(Escaping.markdown($0.value))"
    }
    return lines.isEmpty ? "" : section("Environment", lines.joined(separator: "\n"))
  }

  private var commands: String {
    let lines = report.rows.map {
      "- #\($0.number) \(Escaping.markdownCode($0.record.command))"
    }
    return lines.isEmpty ? "" : section("Repeat one row", lines.joined(separator: "\n"))
  }

  /// A section with one table, or nothing where the table has no rows.
  private func optional(
    _ heading: String, _ text: String, _ table: Table, footnotes: inout Footnotes
  ) -> String {
    guard table.rowCount > 0 else { return "" }
    return section(heading, text, MarkdownTable.text(table, footnotes: &footnotes))
  }

  private func section(_ heading: String, _ parts: String...) -> String {
    (["## \(heading)"] + parts).filter { !$0.isEmpty }.joined(separator: "\n\n")
  }
}
