// SPDX-License-Identifier: MIT

import AttentionCore
import Comparison
import Foundation
import FoundationXML
import Testing

struct TextTests {
  /// Characters that end attributes, cells and code, and some that XML cannot hold.
  private static let hostile = "a\"b'<c>&d|e`f*g\u{1}h\u{FFFE}\ni]]>j–ü"

  private func report() throws -> ComparisonReport {
    let policy = ComparisonPolicy()
    let slower = ConfirmedTime.stored(
      try #require(try Records.judgement(.slower)), policy: policy)
    let same = ConfirmedTime.stored(try #require(try Records.judgement(.same)), policy: policy)
    var head = Records.Settings()
    head.tiles = 200
    let quantities = QuantityJudgement.all(
      base: try Records.record("a"), head: try Records.record("a", head), policy: policy)
    func item(
      _ id: String, _ coverage: CaseCoverage, _ time: ConfirmedTime? = nil
    ) -> CaseComparison {
      CaseComparison(
        caseID: id, mechanism: "flash", family: .exact, coverage: coverage, time: time,
        quantities: time == nil ? [] : quantities, command: "")
    }
    return ComparisonReport(
      command: "gate", base: Self.hostile, head: Self.hostile, suite: Self.hostile, policy: policy,
      cases: [
        item(Self.hostile, .compared, slower), item("b", .compared, same),
        item("c", .failed(reason: Self.hostile)), item("d", .skipped(reason: Self.hostile)),
        item("e", .broken(reason: Self.hostile)),
      ],
      controls: [
        ControlResult(kind: .same, caseID: Self.hostile, slowdown: 0, time: slower),
        ControlResult(kind: .planted, caseID: "b", slowdown: 0.05, time: slower),
      ], notes: [Self.hostile], seconds: 3)
  }

  @Test func junitIsReadByAParser() throws {
    let reader = JUnitReader()
    let parser = XMLParser(data: Data(try report().junit.utf8))
    parser.delegate = reader
    #expect(parser.parse(), "\(String(describing: parser.parserError))")
    #expect(reader.count("testsuite") == 2)
    // Five cases, two of them with work, memory and error beside the time, and two controls.
    #expect(reader.count("testcase") == 13)
    #expect(reader.count("failure") == 5)
    #expect(reader.count("skipped") == 1)
    #expect(reader.count("error") == 1)
    for suite in reader.elements where suite.name == "testsuite" {
      let count = suite.attributes["tests"].flatMap { Int($0) } ?? 0
      #expect(count == (suite.attributes["name"]?.hasSuffix("controls") == true ? 2 : 11))
    }
    let expected = Self.hostile.replacing("\u{1}", with: "\u{FFFD}")
      .replacing("\u{FFFE}", with: "\u{FFFD}")
    let names = reader.elements.compactMap { $0.attributes["name"] }
    #expect(names.contains(expected + " time"))
    #expect(reader.elements.contains { $0.attributes["message"] == expected })
  }

  @Test func markdownCellsStayCells() throws {
    let text = try report().markdown
    #expect(text.hasPrefix("## attnbench gate: INCORRECT"))
    for line in text.split(separator: "\n") where line.hasPrefix("|") {
      let bars = line.replacing("\\|", with: "").count { $0 == "|" }
      #expect([4, 5, 9].contains(bars), "\(line)")
    }
    #expect(!text.contains("<c>"))
    #expect(text.contains("SLOWER"))
  }

  @Test func terminalTextNamesVerdictCoverageAndCode() throws {
    let text = try report().text
    #expect(text.contains("Coverage: 5 planned: 2 compared, 1 skipped, 1 failed, 1 broken"))
    #expect(text.hasSuffix("INCORRECT (exit code 4)\n"))
    #expect(text.contains("MORE WORK"))
  }

  @Test func numbersArePrintedShort() {
    #expect(PercentText.plain(0.05) == "5 %")
    #expect(PercentText.plain(0.0012) == "0.12 %")
    #expect(PercentText.plain(0.125) == "12.5 %")
    #expect(PercentText.change(1.051) == "+5.10 %")
    #expect(PercentText.change(0.97) == "-3.00 %")
    #expect(PercentText.duration(20_000) == "20 us")
    #expect(PercentText.duration(3_421_000) == "3.42 ms")
    #expect(PercentText.duration(.nan) == "n/a")
  }
}

/// Collects the elements of an XML file.
private final class JUnitReader: NSObject, XMLParserDelegate {
  private(set) var elements: [(name: String, attributes: [String: String])] = []

  func count(_ name: String) -> Int { elements.count { $0.name == name } }

  func parser(
    _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?,
    qualifiedName qName: String?, attributes attributeDict: [String: String]
  ) {
    elements.append((elementName, attributeDict))
  }
}
