// SPDX-License-Identifier: MIT

import Foundation
import Reporting
import ResultStore
import Testing

@Suite struct DamagedRecordTests {
  /// Numbers that a damaged or hostile journal may hold in place of any other.
  private static let extremes = [
    "0", "-1", "9223372036854775807", "-9223372036854775808", "1e308", "-1e308", "1e-320",
    "\"nan\"", "\"inf\"", "\"-inf\"",
  ]

  @Test func anyNumberInAJournalGivesAReport() throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: RecordedRun.folder.journalPath))
    let text = String(decoding: data, as: UTF8.self)
    let header = try RecordedRun.folder.header()
    let numbers = text.matches(of: #/:(-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)[,}]/#).map { match in
      match.output.1.startIndex..<match.output.1.endIndex
    }
    var decoded = 0
    for (index, range) in numbers.enumerated() where index.isMultiple(of: 7) {
      let extreme = Self.extremes[index % Self.extremes.count]
      // The line of the number alone: the other records do not change.
      let start = text[..<range.lowerBound].lastIndex(of: "\n").map(text.index(after:))
      let end = text[range.upperBound...].firstIndex(of: "\n") ?? text.endIndex
      var line = String(text[(start ?? text.startIndex)..<range.lowerBound])
      line += extreme + text[range.upperBound..<end] + "\n"
      let contents = JournalContents(parsing: Data(line.utf8))
      decoded += contents.records.count
      let report = Report(
        records: contents.records, header: header, problems: contents.problems)
      for format in TextFormat.allCases { _ = try report.text(as: format) }
      for kind in PlotKind.allCases {
        _ = report.plotScript(kind, output: PlotOutput(path: "x", format: .svg))
      }
    }
    #expect(decoded > 100)
  }
}
