// SPDX-License-Identifier: MIT

import Foundation
import Reporting
import ResultStore
import Testing

/// Names come from files that anybody may have written.
@Suite struct HostileNameTests {
  private static let names = [
    "a|b", "`touch OWNED`", "<script>alert(1)</script>", "line\nbreak", "\u{202E}reversed",
    "'; system 'touch OWNED'", "\\input{/etc/passwd}", "=cmd()", "[x](http://example.org)",
    "@macro", "END", "$x_{1}^2 & 50% ~", "\u{0}nul", "",
  ]

  private static func report(named name: String) throws -> Report {
    let recorded = try RecordedRun.report()
    var record = try #require(recorded.records.first { $0.mechanism.id == "neighborhood" })
    record.caseID = name
    record.mechanism.id = name
    record.mechanism.parameters = [name: name]
    record.mechanism.given = [name: name]
    record.published = [PublishedFigure(name: name, simulated: .value(1), published: name)]
    record.problem.input.kind = name
    record.suite = name
    record.command = name
    record.status = .boundViolated(explanation: name)
    return Report(records: [record, record], header: recorded.header)
  }

  @Test(arguments: names)
  func markdownTablesKeepTheirColumns(name: String) throws {
    let text = try Self.report(named: name).text(as: .markdown)
    let prose = text.replacing(#/`[^`\n]*`/#, with: "").replacing("\\<", with: "")
      .replacing("\\]", with: "")
    #expect(!prose.contains("<"))
    #expect(!prose.contains("](http"))
    let lines = text.split(separator: "\n")
    let heading = try #require(lines.firstIndex { $0.hasPrefix("| # | mechanism | parameters") })
    let columns = Self.bars(lines[heading])
    #expect(Self.bars(lines[heading + 2]) == columns)
    #expect(Self.bars(lines[heading + 3]) == columns)
  }

  @Test(arguments: names)
  func csvKeepsItsColumns(name: String) throws {
    let lines = try Self.report(named: name).text(as: .csv).split(separator: "\n")
    #expect(lines.count == 3)
    let counts = lines.map { ReportContentTests.cells(of: String($0)).count }
    #expect(Set(counts).count == 1)
    #expect(!lines[1].hasPrefix("="))
  }

  @Test(arguments: names)
  func latexCommandsAreDisarmed(name: String) throws {
    let text = try Self.report(named: name).text(as: .latex)
    #expect(!text.contains("\\input"))
    let isASCII = text.unicodeScalars.allSatisfy { $0.isASCII }
    #expect(isASCII)
  }

  @Test(arguments: PlotKind.allCases)
  func gnuplotDrawsEveryNameAndRunsNoCommand(kind: PlotKind) throws {
    let folder = try RecordedRun.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let records = try Self.names.flatMap { try Self.report(named: $0).records }.map { record in
      var record = record
      // This plot shows one problem: all names have to belong to it.
      if kind == .pareto { record.problem.input.kind = "gaussian" }
      return record
    }
    let report = Report(records: records, header: try RecordedRun.report().header)
    let drawn = try PlotRenderer().draw(kind, of: report, as: .svg, in: folder.path)
    let name = try #require(drawn.value)
    let picture = try String(contentsOfFile: "\(folder.path)/\(name)", encoding: .utf8)
    #expect(picture.contains("touch OWNED"))
    #expect(!picture.contains("<script>"))
    #expect(!FileManager.default.fileExists(atPath: "OWNED"))
  }

  /// Cell borders of a Markdown row, without escaped bars.
  private static func bars(_ line: Substring) -> Int {
    line.replacing("\\|", with: "").count { $0 == "|" }
  }
}
