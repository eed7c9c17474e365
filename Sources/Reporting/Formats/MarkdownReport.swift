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
          "Speed-ups are over `flash` in f32 and over dense attention in the mechanism's own "
            + "precision, each timed next to the mechanism, with 95 % intervals.",
          MarkdownTable.text(HeadlineTable.table(rows), footnotes: &footnotes)),
        plots,
        optional(
          "Published figures",
          "Simulated beside published: a figure is reproduced if it rounds to the printed digits. "
            + "Speed-ups measured elsewhere are not bounds; they stand here for comparison.",
          SimulationTables.published(rows), footnotes: &footnotes),
        section(
          "Roofline bounds by machine",
          "The bound over dense attention, the precision of the mechanism / of dense attention, "
            + "and the ceiling that binds.",
          MarkdownTable.text(DetailTables.machines(rows), footnotes: &footnotes)),
        optional(
          "Predicted against measured",
          "Median time / roofline floor on the host. Below 1 the model would be refuted; above, it "
            + "is what the kernel leaves or the model leaves out.",
          SimulationTables.predictions(rows), footnotes: &footnotes),
        optional(
          "Efficiency length",
          "The shortest length of the run from which on the mechanism is faster than dense "
            + "attention: simulated where the roofline bound, measured where the low end of the "
            + "interval of the speed-up is above 1.",
          EfficiencyLengths.table(rows), footnotes: &footnotes),
        section("Times", MarkdownTable.text(DetailTables.times(rows), footnotes: &footnotes)),
        section(
          "Accuracy",
          "The first columns compare the kernel with the mechanism's own definition in Double; "
            + "the last compare its output with dense softmax attention.",
          tolerances(rows),
          MarkdownTable.text(DetailTables.accuracy(rows), footnotes: &footnotes)),
        optional(
          "Selections",
          "What was kept of dense attention at the case's own size: the share of its pairs, and the "
            + "share of its softmax weights, mean and worst over the compared rows. On independent "
            + "Gaussian inputs attention is almost uniform, so that no selection can keep more "
            + "weight than pairs: look at structured or captured inputs.",
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
