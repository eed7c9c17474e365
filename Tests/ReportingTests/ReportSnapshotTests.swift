// SPDX-License-Identifier: MIT

import Reporting
import ResultStore
import Testing

@Suite struct ReportSnapshotTests {
  @Test(arguments: TextFormat.allCases)
  func everyTextFormatIsAsRecorded(format: TextFormat) throws {
    let text = try RecordedRun.report().text(as: format, images: Set(PlotKind.allCases))
    try Snapshot.check(text, named: format.fileName)
  }

  @Test(arguments: PlotKind.allCases, ImageFormat.allCases)
  func everyPlotScriptIsAsRecorded(kind: PlotKind, format: ImageFormat) throws {
    let output = PlotOutput(path: kind.fileName(format), format: format)
    let script = try #require(try RecordedRun.report().plotScript(kind, output: output).value)
    try Snapshot.check(script, named: "\(kind.fileName(format)).gp")
  }

  @Test func theSummaryOfARunIsAsRecorded() throws {
    let sentences = Summary(try RecordedRun.report()).sentences.map(\.plain)
    try Snapshot.check(sentences.joined(separator: "\n") + "\n", named: "summary.txt")
  }

  @Test(arguments: TextFormat.allCases)
  func aRunWithoutCasesStillMakesAReport(format: TextFormat) throws {
    let text = try Report(records: [], header: nil).text(as: format)
    try Snapshot.check(text, named: "empty.\(format.rawValue)")
  }
}
