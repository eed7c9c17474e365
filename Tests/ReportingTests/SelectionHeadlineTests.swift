// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

/// Published speed-ups of block selection beside what bounds and measurements here say.
///
/// The page is made of a data file and of a committed run: `RECORD_SNAPSHOTS=1` writes it anew.
@Suite struct SelectionHeadlineTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private struct Headlines: Decodable {
    let run: String
    let figures: [Figure]
  }

  private struct Figure: Decodable {
    let mechanism, text, machine, source, difference: String
    let published: Double
    /// The case of the committed run that stands beside the figure.
    let caseID: String

    enum CodingKeys: String, CodingKey {
      case mechanism, text, machine, source, difference, published
      case caseID = "case"
    }
  }

  @Test func thePageOfPublishedSpeedUpsIsThatOfTheCommittedRun() throws {
    let documentation = Self.root.appendingPathComponent("Documentation")
    let headlines = try JSONDecoder().decode(
      Headlines.self,
      from: Data(
        contentsOf: documentation.appendingPathComponent("Data/selection-headlines.json")))
    let folder = Self.root.appendingPathComponent("Results/reference/\(headlines.run)")
    let journal = JournalContents(
      parsing: try Data(contentsOf: folder.appendingPathComponent("journal.jsonl")))
    let records = Dictionary(
      journal.records.map { ($0.caseID, $0) }, uniquingKeysWith: { $1 })
    let lines = try headlines.figures.map { figure in
      let record = try #require(records[figure.caseID], "no case \(figure.caseID) in the run")
      #expect(record.mechanism.id == figure.mechanism)
      #expect(figure.published > 1 && !figure.source.isEmpty && !figure.difference.isEmpty)
      return Self.line(figure, record)
    }
    let page = Self.page(lines, run: headlines.run)
    let file = documentation.appendingPathComponent("Selection-headlines.md")
    if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] == "1" {
      try page.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(
      try String(contentsOf: file, encoding: .utf8) == page,
      "the page is stale: RECORD_SNAPSHOTS=1 swift test -c release --filter SelectionHeadline")
  }

  private static func line(_ figure: Figure, _ record: CaseRecord) -> String {
    let bound = { (machine: String) -> String in
      record.bounds.bound(on: machine).flatMap(\.roofline).value.map(number) ?? "unknown"
    }
    // A few rounds give a ratio, if no interval.
    let flash = record.timing.value?.alternative(.flashBaseline).value
    let own = record.timing.value?.alternative(.mechanism).value
    let measured = flash.flatMap { flash in
      own.map { number(flash.medianNanoseconds / $0.medianNanoseconds) }
    }
    let kept = record.accuracy.selection
    let cells = [
      "`\(figure.mechanism)`", figure.text, figure.machine, bound(figure.machine), bound("host"),
      measured ?? "none", kept.map { percent($0.selectionShare) } ?? "unknown",
      kept.map { percent($0.attentionMassKept) } ?? "unknown", figure.source, figure.difference,
    ]
    return "| " + cells.joined(separator: " | ") + " |"
  }

  private static func number(_ value: Double) -> String { String(format: "%.1f", value) }
  private static func percent(_ value: Double) -> String { String(format: "%.0f %%", 100 * value) }

  private static func page(_ lines: [String], run: String) -> String {
    """
    # Published speed-ups of block selection

    Made from `Documentation/Data/selection-headlines.json` and the run `Results/reference/\(run)`. \
    Bounds are rooflines of attention alone, given what was selected on our input: on the \
    accelerator of the figure in its own precision, and on the CPU of the run in Float32. Measured \
    is the speed-up over our `flash` in that run, the choice of blocks included.

    | mechanism | published | on | our bound there | our bound here | measured here | pairs kept | \
    mass kept | source | why they differ |
    |---|---|---|---|---|---|---|---|---|---|
    \(lines.joined(separator: "\n"))

    """
  }
}
