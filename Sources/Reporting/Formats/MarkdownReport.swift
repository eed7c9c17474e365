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
      let tables = ReportSections(rows)
      sections.append(
        section(
          "Results", Captions.headline,
          MarkdownTable.text(HeadlineTable.table(rows), footnotes: &footnotes)))
      sections += tables.comparisons.map { written($0, footnotes: &footnotes) } + [plots]
      sections += tables.details.map { written($0, footnotes: &footnotes) }
      sections.append(reasons(footnotes))
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

  private func written(_ section: ReportSection, footnotes: inout Footnotes) -> String {
    let remarks = section.remarks.map { "- " + Escaping.markdown($0) }
    let missing = section.missing.map {
      "- \(Escaping.markdownCode($0.name)): \(Escaping.markdown($0.reason))"
    }
    let table =
      section.table.rowCount == 0 ? "" : MarkdownTable.text(section.table, footnotes: &footnotes)
    return self.section(
      section.heading, section.caption, remarks.joined(separator: "\n"), table,
      missing.isEmpty ? "" : "Counters that could not be read:",
      missing.joined(separator: "\n"))
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

  private func section(_ heading: String, _ parts: String...) -> String {
    (["## \(heading)"] + parts).filter { !$0.isEmpty }.joined(separator: "\n\n")
  }
}
