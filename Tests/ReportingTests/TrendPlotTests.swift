// SPDX-License-Identifier: MIT

import Comparison
import Foundation
import Reporting
import ResultStore
import Testing

@Suite struct TrendPlotTests {
  private static func series(machine: String = "zen4-2c", nights: Range<Int> = 0..<24)
    -> HistorySeries
  {
    HistorySeries(
      key: SeriesKey(
        caseID: "flash@1x8x1024x64/gaussian", metric: .time, machine: machine, threads: 2,
        toolchain: Toolchain(compiler: "Swift 6.3", kernels: "avx512")),
      machine: MachineRecord(cpu: "a CPU", fingerprint: machine, slug: machine, cores: 2),
      points: nights.map { night in
        // A step of 6 % in the middle of a small saw tooth.
        let value = (night < 12 ? 9.8e6 : 10.4e6) * (1 + 0.002 * Double(night % 3))
        let half = night == 5 ? 0.05 : 0.003
        return HistoryPoint(
          run: HistoryRun(
            key: "\(night)", name: "night-\(night)", suite: "card",
            startedAt: "2026-01-\(night + 1 < 10 ? "0" : "")\(night + 1)T02:00:00Z"),
          commit: "abc", value: value,
          interval: Interval(low: value * (1 - half), high: value * (1 + half)), samples: 20,
          disturbed: 0)
      })
  }

  private static func plot() -> TrendPlot {
    let series = series()
    let changes = ChangeSearch().changes(in: series)
    return TrendPlot(
      [TrendPlot.Line(series: series, changes: changes)],
      annotations: [
        HistoryAnnotation(
          cases: nil, metric: nil, at: "2026-01-08T00:00:00Z", text: "compiler 'flags' changed",
          isExpected: false, madeAt: "2026-01-09T00:00:00Z")
      ])
  }

  @Test func aTrendShowsNightsLevelsChangesAndAnnotations() throws {
    let script = try #require(
      Self.plot().script(output: PlotOutput(path: "trend.svg", format: .svg)).value)
    #expect(script.contains("time [ms]"))
    #expect(script.contains("'+6.1 % worse'"))
    #expect(script.contains("'2026-01-01' 0"))
    #expect(script.contains("level between changes"))
    #expect(script.contains("disturbed night"))
    #expect(script.contains("compiler \u{2019}flags\u{2019} changed"))
  }

  @Test(arguments: ImageFormat.allCases)
  func gnuplotDrawsATrend(format: ImageFormat) throws {
    let folder = try RecordedRun.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let path = "\(folder.path)/trend.\(format.rawValue)"
    try PlotRenderer().draw(Self.plot(), as: format, to: path)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count > 5000)
  }

  @Test func aSingleNightIsDrawnToo() throws {
    let folder = try RecordedRun.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let line = TrendPlot.Line(series: Self.series(nights: 0..<1), changes: [])
    try PlotRenderer().draw(
      TrendPlot([line], annotations: []), as: .svg, to: "\(folder.path)/one.svg")
  }

  @Test func nothingIsDrawnOfAnEmptySeries() {
    let line = TrendPlot.Line(series: Self.series(nights: 0..<0), changes: [])
    #expect {
      try PlotRenderer().draw(TrendPlot([line], annotations: []), as: .svg, to: "nothing.svg")
    } throws: { error in
      guard case ReportingError.nothingToDraw = error else { return false }
      return true
    }
  }

  @Test func everyPointIsOneLineOfCSV() {
    let lines = HistoryCSV.lines(Self.series(nights: 0..<2)).split(separator: "\n")
    let columns = HistoryCSV.header.split(separator: ",").count
    #expect(lines.count == 2)
    // The toolchain's own comma is in no field: compiler and kernels are two.
    #expect(lines.allSatisfy { $0.split(separator: ",").count == columns })
    #expect(lines[0].contains("2026-01-01T02:00:00Z,night-0,card,abc,9800000.0,"))
  }
}
