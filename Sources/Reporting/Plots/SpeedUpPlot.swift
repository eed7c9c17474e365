// SPDX-License-Identifier: MIT

import ResultStore

/// Measured speed-up over `flash` against the roofline bound on the host, with intervals.
enum SpeedUpPlot {
  static func script(_ report: Report, output: PlotOutput) -> Known<String> {
    let series = series(report)
    guard !series.isEmpty else {
      return .absent(reason: "no case has both a measured speed-up and a roofline bound")
    }
    let points = series.flatMap(\.points)
    let range = LogAxis.range(points.flatMap { $0 } + [1], margin: 1.35)
    let labels = series.map(\.label) + guides.map(\.label) + [parity.label]
    var script = PlotScript(
      output: output, frame: PlotFrame(keyLabels: labels),
      title: "Measured speed-up against its bound on this host",
      x: "roofline bound over dense attention",
      y: "measured speed-up over flash f32")
    let ticks = LogAxis.decimalTicks(range)
    script.setAxis("x", range, ticks: ticks)
    script.setAxis("y", range, ticks: ticks)
    for guide in guides {
      script.plot(
        [
          [range.lowerBound, range.lowerBound * guide.share],
          [range.upperBound, range.upperBound * guide.share],
        ], guide.style)
    }
    script.plot([[range.lowerBound, 1], [range.upperBound, 1]], parity.style)
    for entry in series {
      script.plot(
        entry.points,
        "with yerrorbars pointtype \(entry.style.marker) linewidth 1.3 "
          + "linecolor rgb '\(entry.style.color)'",
        label: entry.label)
    }
    for guide in guides { script.addKey(guide.style, label: guide.label) }
    script.addKey(parity.style, label: parity.label)
    return .value(script.text)
  }

  private static let guides = [
    (share: 1.0, label: "at the bound", style: guideStyle(dash: 1)),
    (share: 0.8, label: "80 % of it", style: guideStyle(dash: 2)),
    (share: 0.5, label: "50 % of it", style: guideStyle(dash: 3)),
  ]
  private static let parity = (
    label: "as fast as flash", style: "with lines linecolor rgb '#B0B0B0' linewidth 1.2"
  )

  private static func guideStyle(dash: Int) -> String {
    "with lines linecolor rgb '#707070' linewidth 1.2 dashtype \(dash)"
  }

  /// One series per mechanism: bound, speed-up, low and high end of its interval.
  private static func series(_ report: Report) -> [PlotSeries] {
    let styles = report.styles
    var series: [PlotSeries] = []
    for row in report.resultRows {
      guard let bound = row.hostBound.flatMap(\.roofline).value,
        let speed = row.timing(\.speedUpOverFlash).value
      else { continue }
      let point = [bound, speed.value, speed.interval.low, speed.interval.high]
      guard point.allSatisfy(LogAxis.isDrawable) else { continue }
      series.add(point, label: row.record.mechanism.id, styles: styles)
    }
    return series
  }
}
