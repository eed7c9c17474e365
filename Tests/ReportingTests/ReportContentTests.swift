// SPDX-License-Identifier: MIT

import Foundation
import Reporting
import ResultStore
import Testing

@Suite struct ReportContentTests {
  @Test func noMissingNumberIsWrittenAsZeroOrBlank() throws {
    let report = try RecordedRun.report()
    let lines = try report.text(as: .csv).split(separator: "\n")
    let header = lines[0].split(separator: ",", omittingEmptySubsequences: false)
    let tile = try #require(header.firstIndex(of: "tileBound"))
    let fnet = try #require(lines.first { $0.hasPrefix("fnet/") })
    let cells = Self.cells(of: String(fnet))
    #expect(cells.count == header.count)
    #expect(cells[tile] == "n/a")
    #expect(cells.last?.contains("tileBound: the mechanism has no tiles") == true)
    for line in lines {
      #expect(Self.cells(of: String(line)).dropLast().allSatisfy { !$0.isEmpty })
    }
  }

  @Test func aFailedCaseShowsNoSpeed() throws {
    var records = try RecordedRun.report().records
    let measured = try #require(records.firstIndex { $0.mechanism.id == "sage1" })
    let time = try #require(records[measured].timing.value?.gigaflopsPerSecond.value)
    records[measured].status = .failed(reason: "wrong by a mile")
    let report = Report(records: records, header: nil)
    for format in TextFormat.allCases {
      #expect(!(try report.text(as: format)).contains(String(time)))
    }
    let line = try #require(
      try report.text(as: .csv).split(separator: "\n").first { $0.contains("sage1/") })
    #expect(line.contains("no speed is shown for a failed case: wrong by a mile"))
    #expect(try report.text(as: .markdown).contains("**failed**: wrong by a mile"))
    let plot = try #require(
      report.plotScript(.speedUp, output: PlotOutput(path: "x", format: .svg)).value)
    #expect(!plot.contains("sage1"))
  }

  @Test func theJSONReportHoldsEveryRecord() throws {
    let report = try RecordedRun.report()
    let text = try report.text(as: .json)
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    #expect(object?["schema"] as? String == "attnbench/1")
    #expect((object?["records"] as? [Any])?.count == report.records.count)
  }

  @Test func aPlotWithoutDataSaysWhy() {
    let output = PlotOutput(path: "x.svg", format: .svg)
    let report = Report(records: [], header: nil)
    for kind in PlotKind.allCases {
      #expect(report.plotScript(kind, output: output).reason?.isEmpty == false)
    }
  }

  @Test func theSameReasonHasOneFootnote() throws {
    let text = try RecordedRun.report().text(as: .markdown)
    let notes = text.split(separator: "\n").filter { $0.hasSuffix("the mechanism has no tiles") }
    #expect(notes.count == 1)
    #expect(text.components(separatedBy: "| n/a [").count > 10)
  }

  /// The fields of a line as a spreadsheet splits it.
  static func cells(of line: String) -> [String] {
    var cells = [""]
    var isQuoted = false
    for character in line {
      switch character {
      case "\"": isQuoted.toggle()
      case "," where !isQuoted: cells.append("")
      default: cells[cells.count - 1].append(character)
      }
    }
    return cells
  }
}
