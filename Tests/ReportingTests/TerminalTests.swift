// SPDX-License-Identifier: MIT

import Reporting
import ResultStore
import Testing

@Suite struct TerminalTests {
  private static func plain(_ text: String) -> String {
    text.replacing(/\u{1B}\[[0-9]*m/, with: "")
  }

  @Test(arguments: [60, 100])
  func theSummaryOfARunIsAsRecorded(width: Int) throws {
    let style = TerminalStyle(width: width, hasColor: false)
    let text = TerminalSummary(try RecordedRun.report()).text(for: style)
    try Snapshot.check(text + "\n", named: "terminal-\(width).txt")
  }

  @Test(arguments: [50, 80, 132])
  func noLineIsWiderThanTheTerminal(width: Int) throws {
    let style = TerminalStyle(width: width, hasColor: false)
    let text = TerminalSummary(try RecordedRun.report()).text(for: style)
    for line in text.split(separator: "\n") { #expect(line.count <= width, "\(line)") }
  }

  @Test func coloursOnlyRepeatWhatLettersSay() throws {
    let summary = TerminalSummary(try RecordedRun.report())
    let plain = summary.text(for: TerminalStyle(width: 100, hasColor: false))
    let painted = summary.text(for: TerminalStyle(width: 100, hasColor: true))
    #expect(!plain.contains("\u{1B}"))
    #expect(painted.contains("\u{1B}[32m"))
    #expect(painted.contains("\u{1B}[31m"))
    #expect(Self.plain(painted) == plain)
    #expect(plain.contains("BOUND VIOLATED"))
    #expect(plain.split(separator: "\n").contains { $0.hasPrefix("* #") })
  }

  @Test func textIsWrappedAtSpacesAndNumbersStayWhole() {
    let table = TextTable(
      columns: [.init("name"), .init("what it does"), .init("time", isNumeric: true)],
      rows: [
        ["one", "a sentence that is much too long for the column", "12345.678"], ["x", "", "1"],
      ])
    let lines = table.lines(width: 40)
    #expect(lines.allSatisfy { $0.count <= 40 })
    #expect(lines.contains { $0.hasSuffix("12345.678") })
    #expect(lines.count > 3)
    #expect(table.lines(width: nil).count == 3)
    #expect(TextTable.wrap("abcdefgh ij", width: 4) == ["abcd", "efgh", "ij"])
    #expect(TextTable.wrap("", width: 4) == [""])
  }
}
