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
  /// Style of every mechanism, the same in all pictures.
  let styles: [String: PlotStyle]
  /// Numbers of the records, counted in the whole report.
  private let numbers: [Int]

  public init(records: [CaseRecord], header: RunHeader?, problems: [JournalProblem] = []) {
    self.records = records
    self.header = header
    self.problems = problems
    styles = PlotStyle.assign(records.map(\.mechanism.id))
    numbers = Array(1...max(records.count, 1))
  }

  /// The part of `whole` that `isIncluded` takes, with its numbers and styles.
  init(_ whole: Report, where isIncluded: (CaseRecord) -> Bool) {
    let rows = whole.rows.filter { isIncluded($0.record) }
    records = rows.map(\.record)
    header = whole.header
    problems = whole.problems
    styles = whole.styles
    numbers = rows.map(\.number)
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
    zip(numbers, records).map { NumberedRecord(number: $0, record: $1) }
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
