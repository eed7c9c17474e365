// SPDX-License-Identifier: MIT

import ResultStore

/// Median time on the host against the roofline floor that was predicted for it.
enum PredictionPlot {
  static func script(_ report: Report, output: PlotOutput) -> Known<String> {
    let series = series(report)
    guard !series.isEmpty else {
      return .absent(reason: "no case has both a floor on the host and a measured time")
    }
    let range = LogAxis.range(series.flatMap(\.points).flatMap { $0 }, margin: 1.6)
    var script = PlotScript(
      output: output,
      frame: PlotFrame(keyLabels: series.map(\.label) + guides.map(\.label)),
      title: "Measured time against the predicted floor on this host",
      x: "roofline floor [ms]", y: "median time [ms]")
    let ticks = LogAxis.decimalTicks(range)
    script.setAxis("x", range, ticks: ticks)
    script.setAxis("y", range, ticks: ticks)
    for (index, guide) in guides.enumerated() {
      script.plot(
        [
          [range.lowerBound, range.lowerBound * guide.factor],
          [range.upperBound, range.upperBound * guide.factor],
        ], "with lines linecolor rgb '#707070' linewidth 1.2 dashtype \(index + 1)",
        label: guide.label)
    }
    for entry in series { script.plot(entry.points, entry.style.points, label: entry.label) }
    return .value(script.text)
  }

  private static let guides = [
    (factor: 1.0, label: "at the floor"), (factor: 2.0, label: "twice the floor"),
    (factor: 4.0, label: "four times the floor"),
  ]

  /// One series per mechanism: floor and median time of its cases [ms].
  private static func series(_ report: Report) -> [PlotSeries] {
    let styles = report.styles
    var series: [PlotSeries] = []
    for row in report.resultRows {
      guard let prediction = Prediction(row) else { continue }
      let point = [prediction.floorSeconds * 1e3, prediction.medianSeconds * 1e3]
      guard point.allSatisfy(LogAxis.isDrawable) else { continue }
      series.add(point, label: row.record.mechanism.id, styles: styles)
    }
    return series
  }
}

/// The predicted floor of a case on the host and the time that it took.
struct Prediction {
  let floorSeconds: Double
  let medianSeconds: Double

  /// Nil where either is missing or not a positive number.
  init?(_ row: NumberedRecord) {
    guard let floor = row.hostBound.flatMap(\.floorSeconds).value,
      let time = row.time(.mechanism).value?.medianNanoseconds,
      floor.isFinite, floor > 0, time.isFinite, time > 0
    else { return nil }
    floorSeconds = floor
    medianSeconds = time * 1e-9
  }

  /// Measured over predicted; below 1 the model is wrong.
  var ratio: Double { medianSeconds / floorSeconds }
}
