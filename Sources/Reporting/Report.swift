// SPDX-License-Identifier: MIT

import ResultStore

/// What a report is made from: the records of one or more runs, and what is known about them.
public struct Report: Sendable {
  /// In the order in which the cases are numbered.
  public let records: [CaseRecord]
  /// Header of the run that the ceilings and options are taken from.
  public let header: RunHeader?
  /// Lines of the journal that could not be used.
  public let problems: [JournalProblem]

  public init(records: [CaseRecord], header: RunHeader?, problems: [JournalProblem] = []) {
    self.records = records
    self.header = header
    self.problems = problems
  }

  /// The report of the run in `folder`; a run without a readable header has no roofline plot.
  public init(run folder: RunFolder) throws(ResultStoreError) {
    let contents = try folder.contents()
    self.init(
      records: contents.records, header: try? folder.header(), problems: contents.problems)
  }

  /// The whole report as text; `images` stand beside it as SVG files, and only Markdown shows them.
  ///
  /// - Throws: ``ReportingError/notEncodable(cause:)``, by JSON alone.
  public func text(
    as format: TextFormat, images: Set<PlotKind> = []
  ) throws(ReportingError) -> String {
    switch format {
    case .markdown: return MarkdownReport(self, images: images).text
    case .csv: return CSVReport(self).text
    case .json: return try JSONReport(self).text()
    case .latex: return LaTeXReport(self).text
    }
  }

  /// Every record with its number, from 1.
  var rows: [NumberedRecord] {
    records.enumerated().map { NumberedRecord(number: $0.offset + 1, record: $0.element) }
  }

  /// The rows of cases that have results.
  var resultRows: [NumberedRecord] { rows.filter(\.record.hasResults) }

  /// Names of the suites, in order of appearance.
  var suites: [String] {
    var names: [String] = []
    for record in records where !names.contains(record.suite) { names.append(record.suite) }
    return names
  }
}

/// A language in which a report can be written as text.
public enum TextFormat: String, CaseIterable, Sendable {
  case markdown = "md"
  case csv
  case json
  case latex = "tex"

  public var fileName: String { "report.\(rawValue)" }
}
