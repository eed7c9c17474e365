// SPDX-License-Identifier: MIT

import ResultStore

/// Median time against sequence length, a line per mechanism and setting.
enum TimePlot {
  static func script(_ report: Report, output: PlotOutput) -> Known<String> {
    let (series, note) = series(report).drawn
    guard !series.isEmpty else { return .absent(reason: "no case was measured") }
    let points = series.flatMap(\.points)
    let x = LogAxis.range(points.map { $0[0] }, margin: 1.25)
    let y = LogAxis.range(points.map { $0[1] }, margin: 1.5)
    let marks = LengthSeries(report).efficiencyMarks(of: milliseconds) { row in
      row.timing(\.speedUpOverFlash).value?.interval.low
    }.filter { mark in points.contains { $0[0] == mark[0] && $0[1] == mark[1] } }
    var script = PlotScript(
      output: output,
      frame: PlotFrame(
        keyLabels: series.map(\.label) + (marks.isEmpty ? [] : [LengthSeries.markLabel])),
      title: "Median time on this host against sequence length\(note)",
      x: "sequence length [query token]", y: "time [ms]")
    script.setAxis("x", x, ticks: LogAxis.binaryTicks(x))
    script.setAxis("y", y, ticks: LogAxis.decimalTicks(y))
    for entry in series { script.plot(entry.points, entry.style.line, label: entry.label) }
    if !marks.isEmpty {
      script.plot(marks, LengthSeries.markStyle, label: LengthSeries.markLabel)
    }
    return .value(script.text)
  }

  /// One series per distinct setting: length [token] and median time [ms], by length.
  private static func series(_ report: Report) -> [PlotSeries] {
    LengthSeries(report).series(of: milliseconds)
  }

  private static func milliseconds(_ row: NumberedRecord) -> Double? {
    row.time(.mechanism).value.map { $0.medianNanoseconds / 1e6 }
  }
}
