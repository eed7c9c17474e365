// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

/// Speed against arithmetic intensity under the host's measured roofs.
enum RooflinePlot {
  static func script(_ report: Report, output: PlotOutput) -> Known<String> {
    guard let header = report.header, !header.ceilings.isEmpty else {
      return .absent(reason: "the run has no measured ceilings of the host")
    }
    let candidates = header.ceilings.map { ceilings in
      (ceilings: drawable(ceilings), series: series(report, threads: ceilings.threads))
    }
    let best = candidates.max {
      $0.series.reduce(0) { $0 + $1.points.count } < $1.series.reduce(0) { $0 + $1.points.count }
    }
    guard let best, !best.series.isEmpty else {
      return .absent(reason: "no case was measured with a thread count whose ceilings are known")
    }
    guard !best.ceilings.compute.isEmpty, !best.ceilings.bandwidth.isEmpty else {
      return .absent(reason: "the run lacks a compute or a bandwidth ceiling")
    }
    return .value(draw(best.ceilings, best.series, output: output))
  }

  private static func drawable(_ ceilings: HostCeilings) -> HostCeilings {
    HostCeilings(
      threads: ceilings.threads,
      compute: ceilings.compute.filter { LogAxis.isDrawable($0.gigaflopsPerSecond) },
      bandwidth: ceilings.bandwidth.filter { LogAxis.isDrawable($0.gigabytesPerSecond) })
  }

  /// One series per mechanism: intensity [flop/byte] and speed [GFLOP/s] of its cases.
  private static func series(_ report: Report, threads: Int) -> [PlotSeries] {
    let styles = PlotStyle.assign(report.records.map(\.mechanism.id))
    var series: [PlotSeries] = []
    for row in report.resultRows where row.record.execution.threads == threads {
      guard let intensity = row.record.work.arithmeticIntensity.value,
        let speed = row.timing(\.gigaflopsPerSecond).value,
        LogAxis.isDrawable(intensity), LogAxis.isDrawable(speed)
      else { continue }
      series.add([intensity, speed], label: row.record.mechanism.id, styles: styles)
    }
    return series
  }

  private static func draw(
    _ ceilings: HostCeilings, _ series: [PlotSeries], output: PlotOutput
  ) -> String {
    let points = series.flatMap(\.points)
    let compute = merged(ceilings.compute.map { ($0.name, $0.gigaflopsPerSecond) })
    let bandwidth = merged(ceilings.bandwidth.map { ($0.name, $0.gigabytesPerSecond) })
    let highest = compute.map(\.value).max() ?? 1
    let slowest = bandwidth.map(\.value).min() ?? 1
    // Room left of the ridges, so that the labels of the slopes stand below the lowest roof.
    let ridge = (compute.map(\.value).min() ?? 1) / (bandwidth.map(\.value).max() ?? 1)
    let slopes = LogAxis.range(points.map { $0[0] } + [ridge / 2, highest / slowest], margin: 2.5)
    // Nearly a decade right of the last point, so that the labels of the roofs cover none.
    let x = slopes.lowerBound...(slopes.upperBound * 3)
    let y = LogAxis.range(points.map { $0[1] } + [highest, slowest * x.lowerBound], margin: 1.7)
    let frame = PlotFrame(keyLabels: series.map(\.label))
    let threads = ceilings.threads == 1 ? "1 thread" : "\(ceilings.threads) threads"
    var script = PlotScript(
      output: output, frame: frame, title: "Roofline of this host, \(threads)",
      x: "arithmetic intensity [flop/byte]", y: "speed [GFLOP/s]")
    script.setAxis("x", x, ticks: LogAxis.decimalTicks(x))
    script.setAxis("y", y, ticks: LogAxis.decimalTicks(y))
    addRoofs(compute, bandwidth, x: x, y: y, frame: frame, to: &script)
    for entry in series {
      script.plot(entry.points, entry.style.points, label: entry.label)
    }
    return script.text
  }

  private typealias Roof = (name: String, value: Double)

  private static func addRoofs(
    _ compute: [Roof], _ bandwidth: [Roof], x: ClosedRange<Double>, y: ClosedRange<Double>,
    frame: PlotFrame, to script: inout PlotScript
  ) {
    let highest = compute.map(\.value).max() ?? 1
    let fastest = bandwidth.map(\.value).max() ?? 1
    let angle = frame.diagonalAngle(
      decadesAcross: LogAxis.decades(x), decadesUp: LogAxis.decades(y))
    let line = "with lines linecolor rgb '#808080' linewidth 1.4"
    for roof in compute {
      script.plot(
        [[min(roof.value / fastest, x.upperBound), roof.value], [x.upperBound, roof.value]],
        line)
      script.addLabel(
        "\(roof.name) \(NumberText.significant(roof.value))", x: x.upperBound, y: roof.value,
        alignment: "right", offset: "-0.5,0.55")
    }
    for roof in bandwidth {
      let start = max(x.lowerBound, y.lowerBound / roof.value)
      let end = min(highest / roof.value, x.upperBound)
      guard start < end else { continue }
      script.plot(
        [[start, start * roof.value], [end, end * roof.value]], line + " dashtype 2")
      // A little up the line, so that the text starts inside the plane.
      let place = start * pow(10, 0.15 * LogAxis.decades(x) / 5)
      script.addLabel(
        "\(roof.name) \(NumberText.significant(roof.value)) GB/s", x: place,
        y: place * roof.value, rotation: angle, offset: "-1.1,0.6")
    }
  }

  /// Roofs by height; those too close for two labels share the line and label of the highest.
  private static func merged(_ roofs: [(String, Double)]) -> [Roof] {
    var result: [Roof] = []
    for (name, value) in roofs.sorted(by: { $0.1 > $1.1 }) {
      if let last = result.last, last.value < value * 1.25 {
        result[result.count - 1].name = "\(last.name), \(name)"
      } else {
        result.append((name, value))
      }
    }
    return result
  }
}

extension PlotStyle {
  /// The clause that draws points in this style.
  var points: String {
    "with points pointtype \(marker) linecolor rgb '\(color)'"
  }
}

extension [PlotSeries] {
  /// Adds a point to the series `label`, which begins with its first point.
  mutating func add(_ point: [Double], label: String, styles: [String: PlotStyle]) {
    if let index = firstIndex(where: { $0.label == label }) {
      self[index].points.append(point)
    } else {
      let style = styles[label] ?? PlotStyle.series(count)
      append(PlotSeries(label: label, style: style, points: [point]))
    }
  }
}
