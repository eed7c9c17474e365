// SPDX-License-Identifier: MIT

import Foundation
import Reporting
import ResultStore
import Testing

/// What a report says of the simulator's figures.
@Suite struct SimulationTableTests {
  private static func section(_ heading: String, of records: [CaseRecord]) throws -> [[String]] {
    let text = try Report(records: records, header: nil).text(as: .markdown)
    let part = try #require(text.components(separatedBy: "## \(heading)\n").dropFirst().first)
    return part.components(separatedBy: "\n## ")[0].split(separator: "\n")
      .filter { $0.hasPrefix("|") }.map { line in
        line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      }
  }

  private static func measured(_ id: String) throws -> [CaseRecord] {
    try RecordedRun.report().records.filter { $0.mechanism.id == id && $0.status == .measured }
  }

  @Test func predictionsShowTheDistributionOfTheRatios() throws {
    var records = Array(try Self.measured("flash").prefix(3))
    for (index, ratio) in [1.0, 2, 4].enumerated() {
      records[index].bounds.machines[0].floorSeconds = .value(0.001)
      let timing = records[index].timing.map { timing in
        var copy = timing
        for place in copy.alternatives.indices where copy.alternatives[place].role == .mechanism {
          copy.alternatives[place].medianNanoseconds = ratio * 1e6
        }
        return copy
      }
      records[index].timing = timing
    }
    let rows = try Self.section("Predicted against measured", of: records)
    #expect(rows[2] == ["`flash`", "3", "1.00", "1.50", "2.00", "3.00", "3.60", "4.00"])
    #expect(rows[3] == ["all", "3", "1.00", "1.50", "2.00", "3.00", "3.60", "4.00"])
  }

  @Test func efficiencyLengthsAreThoseFromWhichAllLongerRunsAreFaster() throws {
    var records = try Self.measured("linear")
    #expect(records.map(\.problem.shape.queryLength) == [1024, 4096, 16384])
    for (index, bound) in [2.0, 0.5, 3].enumerated() {
      records[index].bounds.machines[0].roofline = .value(bound)
      records[index].bounds.machines[1].roofline = .value(0.9)
    }
    let rows = try Self.section("Efficiency length", of: records)
    #expect(rows[2][0] == "`linear`")
    #expect(rows[2][1] == "1,024, 4,096, 16,384")
    #expect(rows[2][2] == "16,384")
    #expect(rows[2][3].hasPrefix("n/a"))
    #expect(rows[2].last == "<= 1,024")
  }

  @Test(
    arguments: [
      // evaluated pairs, share of the time for the choice, share of the floor, what limits
      (200, nil, 0.45, "50.0 % of evaluated pairs masked"),
      (110, 0.6, 0.35, "the choice of keys: 60.0 % of the time"),
      (100, nil, 0.45, "pace: 45.0 % of the roof, with only 10.0 keys per query"),
    ] as [(Int, Double?, Double, String)])
  func aCaseBelowItsBoundNamesItsLargestLoss(
    evaluated: Int, choice: Double?, floorShare: Double, expected: String
  ) throws {
    var record = try #require(try Self.measured("neighborhood").first)
    let shape = record.problem.shape
    let queries = shape.batch * shape.queryHeads * shape.queryLength
    record.work.attendedPairs = .value(10 * queries)
    record.counts.measured = record.counts.measured.map {
      var counts = $0
      counts.pairsEvaluated = 10 * queries * evaluated / 100
      return counts
    }
    record.timing = record.timing.map { timing in
      var timing = timing
      timing.realisedShare = .value(0.5)
      timing.floorShare = .value(floorShare)
      if let choice, var selection = timing.alternatives.first(where: { $0.role == .mechanism }) {
        selection.medianNanoseconds *= choice
        selection.role = .other
        selection.name = TimingRecord.selectionName
        timing.alternatives.append(selection)
      }
      return timing
    }
    let rows = try Self.section("What keeps cases from their bounds", of: [record])
    #expect(rows.count == 3 && rows[2].last == expected)
    record.timing = record.timing.map { timing in
      var timing = timing
      timing.realisedShare = .value(0.95)
      return timing
    }
    let text = try Report(records: [record], header: nil).text(as: .markdown)
    #expect(!text.contains("What keeps cases from their bounds"))
  }

  @Test func publishedFiguresStandBesideSimulatedOnes() throws {
    var record = try #require(try Self.measured("neighborhood").first)
    record.published = [
      PublishedFigure(
        name: "worstTileBound", simulated: .value(3.2727), published: "3.27",
        measured: ["B200": 3.2, "H100": 3.6]),
      PublishedFigure(name: "endToEnd", simulated: .value(1.79), published: "1.73"),
    ]
    let rows = try Self.section("Published figures", of: [record])
    #expect(
      rows[2].suffix(6) == [
        "worst-tile bound", "3.273", "3.27", "0.00270", "yes", "B200 3.20, H100 3.60",
      ])
    #expect(rows[3].contains("NO"))
    record.published = nil
    let text = try Report(records: [record], header: nil).text(as: .markdown)
    #expect(!text.contains("Published figures"))
  }

  @Test(arguments: [
    ("3.27", 3.2727, true), ("3.27", 3.2751, false), ("3.3", 3.2727, true), ("10.0", 10.04, true),
    ("10.0", 10.06, false), ("11", 11.49, true), ("11", 11.51, false), ("eleven", 11, false),
    ("6.10", 6.0952, true), ("6.100", 6.0952, false),
  ])
  func aFigureIsReproducedToItsLastDigit(published: String, simulated: Double, expected: Bool) {
    let figure = PublishedFigure(name: "x", simulated: .value(simulated), published: published)
    #expect(figure.isReproduced == expected)
  }

  @Test func whatCannotBeSimulatedIsNotReproduced() {
    let figure = PublishedFigure(name: "x", simulated: .absent(reason: "none"), published: "1")
    #expect(!figure.isReproduced)
    #expect(figure.difference.reason == "none")
  }

  @Test func tablesShowGivenParametersAndFilesShowAll() throws {
    var record = try #require(try Self.measured("neighborhood").first)
    record.mechanism.parameters = ["window": "256", "dilation": "1", "stride": "1"]
    record.mechanism.given = ["window": "256"]
    let report = Report(records: [record], header: nil)
    #expect(try report.text(as: .markdown).contains("| `window=256` |"))
    #expect(try report.text(as: .csv).contains("dilation=1 stride=1 window=256"))
    record.mechanism.given = nil
    let unknown = try Report(records: [record], header: nil).text(as: .markdown)
    #expect(unknown.contains("| `dilation=1 stride=1 window=256` |"))
  }

  @Test func recordsWithoutTheNewFieldsAreRead() throws {
    let records = try RecordedRun.report().records
    let old = try #require(records.first { $0.mechanism.id == "lightning" })
    #expect(old.mechanism.given == nil)
    #expect(old.published == nil)
    #expect(old.bounds.endToEnd == nil)
  }

  @Test func linesAreNamedByWhatTellsThemApart() throws {
    let plain = try Self.measured("flash")[0]
    var causal = plain
    causal.problem.shape = try plain.problem.shape.with(causality: .bottomRight)
    var other = plain
    other.mechanism.id = "neighborhood"
    other.mechanism.given = ["window": "256"]
    let script = try #require(
      Report(records: [plain, causal, other], header: nil)
        .plotScript(.time, output: PlotOutput(path: "x", format: .svg)).value)
    for title in ["'flash'", "'flash causal'", "'neighborhood window=256'"] {
      #expect(script.contains("title \(title)"), "\(title)")
    }
  }

  @Test func theRooflineHasNoRoofOfExponentials() throws {
    let recorded = try RecordedRun.report()
    var header = try #require(recorded.header)
    header.ceilings[0].compute.append(
      HostCeilings.Compute(name: "exponential", gigaflopsPerSecond: 9))
    let output = PlotOutput(path: "x", format: .svg)
    let script = try #require(
      Report(records: recorded.records, header: header).plotScript(.roofline, output: output)
        .value)
    #expect(!script.contains("exponential"))
    // Names of roofs stand in the key, where they cannot cover a point.
    let labels = script.split(separator: "\n").filter { $0.hasPrefix("set label") }
    #expect(labels.count == 1, "the title alone")
    #expect(script.contains("title 'f32 multiply-add 287 GFLOP/s'"))
  }

  @Test func aMachineIsDrawnWithoutCases() throws {
    let ceilings = HostCeilings(
      threads: 148, compute: [.init(name: "bfloat16", gigaflopsPerSecond: 2.25e6)],
      bandwidth: [.init(name: "HBM3e", gigabytesPerSecond: 8000)])
    let script = try #require(
      MachinePlot(title: "an accelerator", ceilings: ceilings)
        .script(output: PlotOutput(path: "x", format: .svg)).value)
    #expect(script.contains("title 'bfloat16 2250 TFLOP/s'"))
    #expect(script.contains("title 'HBM3e 8000 GB/s'"))
    let none = HostCeilings(threads: 1, compute: [], bandwidth: [])
    #expect(
      MachinePlot(title: "nothing", ceilings: none)
        .script(output: PlotOutput(path: "x", format: .svg)).reason?.isEmpty == false)
  }
}
