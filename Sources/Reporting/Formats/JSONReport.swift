// SPDX-License-Identifier: MIT

import ResultStore

/// A report for programs: the run's header and every record, with all samples.
struct JSONReport {
  private struct Document: Encodable {
    let schema: String
    let kind: String
    let run: RunHeader?
    let problems: [String]
    let records: [CaseRecord]
  }

  private let document: Document

  init(_ report: Report) {
    document = Document(
      schema: CaseRecord.currentSchema, kind: "report", run: report.header,
      problems: report.problems.map(\.description),
      records: report.records.map(Self.withoutVoidSpeed))
  }

  private static func withoutVoidSpeed(_ record: CaseRecord) -> CaseRecord {
    var copy = record
    copy.timing = record.publishableTiming
    return copy
  }

  /// - Throws: ``ReportingError/notEncodable(cause:)``.
  func text() throws(ReportingError) -> String {
    do {
      let data = try RecordCoding.encoder(pretty: true).encode(document)
      return String(decoding: data, as: UTF8.self) + "\n"
    } catch {
      throw .notEncodable(cause: String(describing: error))
    }
  }
}
