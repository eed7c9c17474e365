// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import Reporting
import ResultStore
import Testing

@Suite struct HTMLReportTests {
  private static func page(
    _ report: Report, catalogue: ReportCatalogue = ReportCatalogue()
  ) throws -> String {
    try ReportWriter().page(report, catalogue: catalogue)
  }

  /// A catalogue with one card and one mask, as a program with that mechanism gives it.
  private static func catalogue(_ report: Report) throws -> ReportCatalogue {
    let card = MechanismCard(
      id: "neighborhood", title: "Neighborhood", family: .local,
      origin: Citation("A paper <about> windows", arXiv: "2504.16922", year: 2025),
      summary: "A window & more.", patterns: [.noncausalSelf], exactness: .maskedExact, laws: [],
      cost: "tokens x window")
    let parameter = MechanismFacts.Parameter(
      name: "window", defaultText: "7", meaning: "Keys per axis.")
    let shape = try AttentionShape(queryLength: 16, headDim: 1, grid: [4, 4])
    let map = AttentionMap(shape: shape) { abs($0 - $1) < 3 }
    var catalogue = ReportCatalogue()
    catalogue.facts["neighborhood"] = MechanismFacts(card: card, parameters: [parameter])
    for record in report.records where record.mechanism.id == "neighborhood" {
      catalogue.masks[record.caseID] = .pictures([MaskPicture(title: "a window", map: map)])
    }
    return catalogue
  }

  @Test func theStructureOfAPageIsAsRecorded() throws {
    let report = try RecordedRun.report()
    let page = try Self.page(report, catalogue: try Self.catalogue(report))
    try Snapshot.check(PageStructure(page).text, named: "page-structure.txt")
  }

  @Test func aPageIsSelfContained() throws {
    let page = try Self.page(try RecordedRun.report())
    for mark in ["src=", "<link", "@import", "url(http", "fetch(", "XMLHttp"] {
      #expect(!page.contains(mark), "\(mark) would need a network or another file")
    }
    #expect(page.contains("default-src 'none'"))
    #expect(page.hasPrefix("<!doctype html>"))
    #expect(!page.contains("{{"))
  }

  @Test func everyColourOfAPictureHasADarkCounterpart() throws {
    let page = try Self.page(try RecordedRun.report())
    let style = try #require(page.firstMatch(of: /<style>([\s\S]*?)<\/style>/)?.1)
    let dark = try #require(style.firstMatch(of: /\.dark\{([^}]*)\}/)?.1)
    let names = Set(page.matches(of: /var\((--c[0-9a-f]{6})/).map { String($0.1) })
    #expect(names.count > 8)
    for name in names { #expect(dark.contains("\(name):"), "\(name) has no dark counterpart") }
    #expect(!page.contains("fill=\"#ffffff\""))
  }

  @Test func idsOfManyPicturesDoNotCollide() throws {
    let page = try Self.page(try RecordedRun.report())
    let ids = page.matches(of: #/ id=['"]([^'"]+)['"]/#).map { String($0.1) }
    #expect(ids.count > 100)
    #expect(Set(ids).count == ids.count)
    let uses = page.matches(of: #/ href='#([^']+)'/#).map { String($0.1) }
    #expect(!uses.isEmpty)
    #expect(Set(uses).isSubset(of: Set(ids)))
  }

  @Test(arguments: [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\" onclick=\"alert(1)",
    "' onclick='alert(1)", "{{{script}}}", "\u{2028}line", "]]><svg onload=alert(1)>", "&lt;b&gt;",
  ])
  func namesCannotBreakOutOfAPage(name: String) throws {
    let recorded = try RecordedRun.report()
    var record = try #require(recorded.records.first { $0.mechanism.id == "neighborhood" })
    record.caseID = name
    record.mechanism.id = name
    record.mechanism.title = name
    record.mechanism.parameters = [name: name]
    record.mechanism.given = [name: name]
    record.problem.input.kind = name
    record.problem.precision = name
    record.suite = name
    record.command = name
    var failed = record
    failed.caseID += "2"
    failed.status = .failed(reason: name)
    let page = try Self.page(Report(records: [record, failed], header: recorded.header))
    let structure = PageStructure(page)
    #expect(structure.count(of: "script") == 3)
    #expect(structure.count(of: "img") == 0)
    // Quotes of names are escaped, so that only an attribute of the page's own has any.
    let handlers = structure.tags.filter { $0.contains(#/\son[a-z]+\s*=\s*["']/#) }
    #expect(handlers.isEmpty)
    #expect(!structure.tags.contains { $0.hasPrefix("<svg ") })
    #expect(!page.contains("\u{2028}"))
    let data = try structure.rowData()
    #expect(data.lines.count == 2)
    #expect(data.heading.hasPrefix("caseID,"))
  }

  @Test func aPageWithoutGnuplotSaysWhyItHasNoPictures() throws {
    let writer = ReportWriter(renderer: PlotRenderer(program: "no-such-gnuplot"))
    let page = try writer.page(try RecordedRun.report(), catalogue: ReportCatalogue())
    #expect(page.contains("There are no pictures here"))
    #expect(page.contains("no-such-gnuplot"))
    #expect(!page.contains("<svg"))
  }

  @Test func aRunWithoutCasesStillMakesAPage() throws {
    let page = try Self.page(Report(records: [], header: nil))
    #expect(page.contains("No case has a record yet."))
    #expect(PageStructure(page).count(of: "table") == 0)
  }

  @Test func manyRowsMakeOnePage() throws {
    let recorded = try RecordedRun.report()
    let records = (0..<400).map { index in
      var record = recorded.records[index % recorded.records.count]
      record.caseID += "/\(index)"
      return record
    }
    let report = Report(records: records, header: recorded.header)
    let page = try report.html(
      catalogue: ReportCatalogue(), pictures: ReportPictures(none: "none are wanted"))
    #expect(try PageStructure(page).rowData().lines.count == 400)
    #expect(page.utf8.count < 6_000_000)
  }
}
