// SPDX-License-Identifier: MIT

import ResultStore

/// Roofline bound against sequence length, a line per mechanism and setting.
enum BoundLengthPlot {
  static func script(_ report: Report, output: PlotOutput) -> Known<String> {
    guard let machine = DetailTables.machineNames(report.resultRows).first else {
      return .absent(reason: "no case was simulated on a machine")
    }
    // The bound of the baseline is 1 everywhere.
    let bound = { (row: NumberedRecord) -> Double? in
      row.record.mechanism.id == "flash"
        ? nil : row.record.bounds.bound(on: machine).flatMap(\.roofline).value
    }
    let (series, note) = LengthSeries(report).series(of: bound).drawn
    guard !series.isEmpty else {
      return .absent(reason: "no case has a roofline bound on '\(machine)'")
    }
    let points = series.flatMap(\.points)
    let x = LogAxis.range(points.map { $0[0] }, margin: 1.25)
    let y = LogAxis.range(points.map { $0[1] } + [1], margin: 1.5)
    let marks = LengthSeries(report).efficiencyMarks(of: bound, ratio: bound)
      .filter { mark in points.contains { $0[0] == mark[0] && $0[1] == mark[1] } }
    let parity = "with lines linecolor rgb '#B0B0B0' linewidth 1.2"
    let parityLabel = "as fast as dense"
    var script = PlotScript(
      output: output,
      frame: PlotFrame(
        keyLabels: series.map(\.label) + [parityLabel, LengthSeries.markLabel]),
      title: "Roofline bound on \(machine) against sequence length\(note)",
      x: "sequence length [query token]", y: "roofline bound over dense attention")
    script.setAxis("x", x, ticks: LogAxis.binaryTicks(x))
    script.setAxis("y", y, ticks: LogAxis.decimalTicks(y))
    script.plot([[x.lowerBound, 1], [x.upperBound, 1]], parity, label: parityLabel)
    for entry in series { script.plot(entry.points, entry.style.line, label: entry.label) }
    if !marks.isEmpty {
      script.plot(marks, LengthSeries.markStyle, label: LengthSeries.markLabel)
    }
    return .value(script.text)
  }
}

extension PlotStyle {
  /// The clause that draws points joined by lines in this style.
  var line: String {
    "with linespoints pointtype \(marker) linewidth 1.6 linecolor rgb '\(color)' dashtype \(dash)"
  }
}
