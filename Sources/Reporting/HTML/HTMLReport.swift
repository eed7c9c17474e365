// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

/// A report as one page that opens from disk, with everything it shows inside.
struct HTMLReport {
  typealias Context = [String: Any]

  private let report: Report
  private let catalogue: ReportCatalogue
  private let pictures: ReportPictures

  init(_ report: Report, catalogue: ReportCatalogue, pictures: ReportPictures) {
    self.report = report
    self.catalogue = catalogue
    self.pictures = pictures
  }

  /// - Throws: ``ReportingError`` if the page cannot be put together.
  func text() throws(ReportingError) -> String {
    var footnotes = Footnotes()
    let rows = report.resultRows
    var context = header
    addSummary(to: &context)
    if !rows.isEmpty { context["results"] = results(rows, footnotes: &footnotes) }
    addPlots(to: &context)
    let tables = DetailSections(report).contexts(footnotes: &footnotes)
    context["tables"] = tables
    let panels = MechanismPanels(report, catalogue: catalogue, pictures: pictures).contexts
    context["panels"] = panels
    context["hasPanels"] = !panels.isEmpty
    addClosing(footnotes, to: &context)
    context["sections"] = sections(context, tables: tables)
    context["data"] = try data()
    return try PageTemplates.page(context)
  }

  private var header: Context {
    let names = report.suites.map(Escaping.oneLine).joined(separator: ", ")
    var facts = ["\(report.records.count) cases"]
    if let record = report.records.first {
      facts += ["\(record.machine.cpu) (\(record.machine.slug))"]
      let threads = Set(report.records.map(\.execution.threads)).sorted()
      facts += ["threads: \(threads.map(String.init).joined(separator: ", "))"]
      facts += ["attnbench \(record.build.attnbenchVersion)"]
    }
    if let header = report.header { facts += ["begun \(header.startedAt)"] }
    return [
      "title": "attnbench report" + (names.isEmpty ? "" : ": \(names)"),
      "headerFacts": facts.map(Escaping.oneLine),
    ]
  }

  /// Sentences about problems that a page shows before it hides the rest behind a click.
  private static let winnerLimit = 8

  private func addSummary(to context: inout Context) {
    let summary = Summary(report)
    let shown = [summary.coverage] + summary.findings + summary.winners.prefix(Self.winnerLimit)
    context["summary"] = shown.map(ProseContext.sentence)
    let more = summary.winners.dropFirst(Self.winnerLimit)
    guard !more.isEmpty else { return }
    context["moreSummary"] =
      [
        "title": "\(more.count) more problems", "items": more.map(ProseContext.sentence),
      ] as Context
  }

  private func results(_ rows: [NumberedRecord], footnotes: inout Footnotes) -> Context {
    let exactness = Column(
      "kind", isNumeric: false, cells: rows.map { .text($0.record.mechanism.exactness.rawValue) })
    var identity = HeadlineTable.identity(rows)
    identity.insert(exactness, at: 2)
    let groups = [
      TableContext.Group(key: "case", name: "case", columns: identity),
      TableContext.Group(
        key: "bound", name: "bound: the most to gain", columns: HeadlineTable.bounds(rows)),
      TableContext.Group(
        key: "measured", name: "measured here", columns: HeadlineTable.speed(rows)),
      TableContext.Group(
        key: "accuracy", name: "accuracy", columns: HeadlineTable.accuracy(rows)),
      TableContext.Group(key: "cost", name: "cost", columns: HeadlineTable.cost(rows)),
    ]
    return [
      "note": Captions.headline, "rowCount": String(rows.count),
      "filters": filters(rows),
      "groups": groups.dropFirst().map { ["key": $0.key, "name": $0.key] as Context },
      "table": TableContext.headline(groups, rows: rows, footnotes: &footnotes),
    ]
  }

  private func filters(_ rows: [NumberedRecord]) -> [Context] {
    func filter(_ name: String, _ label: String, _ value: (CaseRecord) -> String) -> Context {
      var options: [String] = []
      for row in rows where !options.contains(value(row.record)) {
        options.append(value(row.record))
      }
      return ["name": name, "label": label, "options": options.map(Escaping.oneLine)]
    }
    return [
      filter("family", "Family") { $0.mechanism.family.rawValue },
      filter("shape", "Shape") { $0.problem.shape.description },
      filter("precision", "Precision") { $0.problem.precision },
      filter("exactness", "Exactness") { $0.mechanism.exactness.rawValue },
    ]
  }

  private func addPlots(to context: inout Context) {
    context["hasPlots"] = !report.resultRows.isEmpty
    context["plots"] = pictures.plots.map(\.context)
    context["plotAbsences"] = pictures.plotAbsences.map(Escaping.oneLine)
    guard !pictures.problems.isEmpty else { return }
    let problems = pictures.problems.enumerated().map { index, problem in
      [
        "number": String(index + 1), "name": Escaping.oneLine(problem.name),
        "figures": problem.figures.map(\.context),
      ] as Context
    }
    context["problemPlots"] = ["problems": problems] as Context
  }

  private func addClosing(_ footnotes: Footnotes, to context: inout Context) {
    let coverage = report.rows.compactMap { row -> Context? in
      guard let explanation = row.record.status.explanation else { return nil }
      return [
        "parts": [
          ["row": String(row.number)], ["plain": " "],
          ["code": Escaping.oneLine(row.record.caseID)],
          ["plain": " "], ["strong": row.record.status.phrase],
          ["plain": ": \(Escaping.oneLine(explanation))"],
        ] as [Context]
      ]
    }
    let problems = report.problems.map { problem in
      ["parts": [["plain": Escaping.oneLine(problem.description)]]] as Context
    }
    context["coverage"] = coverage + problems
    context["hasCoverage"] = !(coverage + problems).isEmpty
    context["reasons"] = footnotes.reasons.enumerated().map { index, reason in
      ["number": String(index + 1), "text": Escaping.oneLine(reason)] as Context
    }
    context["hasReasons"] = !footnotes.reasons.isEmpty
    context["reading"] = ProseContext.items(MethodText.reading)
    context["method"] = ProseContext.items(MethodText.method)
    let environment = EnvironmentText(report).lines
    context["hasEnvironment"] = !environment.isEmpty
    context["environment"] = environment.map {
      ["name": Escaping.oneLine($0.name), "value": Escaping.oneLine($0.value)] as Context
    }
  }

  /// The links of the page's head.
  private func sections(_ context: Context, tables: [Context]) -> [Context] {
    func link(_ id: String, _ name: String, if isShown: Bool) -> [Context] {
      isShown ? [["id": id, "name": name]] : []
    }
    let hasRows = !report.resultRows.isEmpty
    return link("summary", "Summary", if: true) + link("results", "Results", if: hasRows)
      + link("plots", "Plots", if: hasRows)
      + tables.map { ["id": $0["id"] ?? "", "name": $0["heading"] ?? ""] }
      + link("mechanisms", "Mechanisms", if: context["hasPanels"] as? Bool ?? false)
      + link("coverage", "Not measured", if: context["hasCoverage"] as? Bool ?? false)
      + link("method", "Method", if: true)
      + link("environment", "Environment", if: context["hasEnvironment"] as? Bool ?? false)
  }

  private struct Rows: Encodable {
    let heading: String
    /// By number of the row.
    let lines: [String: String]
  }

  /// The lines of the CSV form, for the rows that a reader chooses to save.
  private func data() throws(ReportingError) -> String {
    let csv = CSVReport(report)
    let lines = zip(report.rows, csv.lines).map { (String($0.number), $1) }
    let rows = Rows(heading: csv.heading, lines: Dictionary(lines) { first, _ in first })
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return Escaping.script(json: String(decoding: try encoder.encode(rows), as: UTF8.self))
    } catch {
      throw .notEncodable(cause: String(describing: error))
    }
  }
}

extension ReportPictures.Figure {
  /// The picture as a template sees it; its text is gnuplot's and escaped.
  var context: [String: Any] {
    var context: [String: Any] = ["svg": svg, "caption": Escaping.oneLine(caption)]
    context["note"] = note.map(Escaping.oneLine)
    return context
  }
}

extension Report {
  /// The report as one self-contained HTML page.
  ///
  /// - Throws: ``ReportingError`` if the page cannot be put together.
  public func html(
    catalogue: ReportCatalogue, pictures: ReportPictures
  ) throws(ReportingError) -> String {
    try HTMLReport(self, catalogue: catalogue, pictures: pictures).text()
  }
}
