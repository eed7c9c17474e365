// SPDX-License-Identifier: MIT

import ResultStore

/// Speed against arithmetic intensity under the roofs of a machine.
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

  /// What can be drawn in this plane: exponentials are no operations of products.
  private static func drawable(_ ceilings: HostCeilings) -> HostCeilings {
    HostCeilings(
      threads: ceilings.threads,
      compute: ceilings.compute.filter {
        LogAxis.isDrawable($0.gigaflopsPerSecond) && !$0.name.hasPrefix("exponential")
      },
      bandwidth: ceilings.bandwidth.filter { LogAxis.isDrawable($0.gigabytesPerSecond) })
  }

  /// One series per mechanism: intensity [flop/byte] and speed [GFLOP/s] of its cases.
  private static func series(_ report: Report, threads: Int) -> [PlotSeries] {
    let styles = report.styles
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
    let threads = ceilings.threads == 1 ? "1 thread" : "\(ceilings.threads) threads"
    return draw(ceilings, series, title: "Roofline of this host, \(threads)", output: output)
  }

  /// The roofs of `machine` alone, or why they cannot be drawn.
  static func script(_ machine: MachinePlot, output: PlotOutput) -> Known<String> {
    let ceilings = drawable(machine.ceilings)
    guard !ceilings.compute.isEmpty, !ceilings.bandwidth.isEmpty else {
      return .absent(reason: "the machine lacks a compute or a bandwidth ceiling")
    }
    return .value(draw(ceilings, [], title: "Roofline of \(machine.title)", output: output))
  }

  private static func draw(
    _ ceilings: HostCeilings, _ series: [PlotSeries], title: String, output: PlotOutput
  ) -> String {
    // Accelerators are a thousand times as fast as a core; their figures stay readable in TFLOP/s.
    let fastest = ceilings.compute.map(\.gigaflopsPerSecond).max() ?? 1
    let unit = fastest >= 1e5 ? (name: "TFLOP/s", scale: 1e-3) : (name: "GFLOP/s", scale: 1)
    let points = series.flatMap(\.points).map { [$0[0], $0[1] * unit.scale] }
    let compute = merged(ceilings.compute.map { ($0.name, $0.gigaflopsPerSecond * unit.scale) })
    let bandwidth = merged(ceilings.bandwidth.map { ($0.name, $0.gigabytesPerSecond * unit.scale) })
    let highest = compute.map(\.value).max() ?? 1
    let slowest = bandwidth.map(\.value).min() ?? 1
    let ridge = (compute.map(\.value).min() ?? 1) / (bandwidth.map(\.value).max() ?? 1)
    let x = LogAxis.range(points.map { $0[0] } + [ridge / 2, highest / slowest], margin: 2.5)
    let y = LogAxis.range(points.map { $0[1] } + [highest, slowest * x.lowerBound], margin: 1.7)
    let roofs =
      compute.map { "\($0.name) \(NumberText.significant($0.value)) \(unit.name)" }
      + bandwidth.map { "\($0.name) \(NumberText.significant($0.value / unit.scale)) GB/s" }
    var script = PlotScript(
      output: output, frame: PlotFrame(keyLabels: series.map(\.label) + roofs), title: title,
      x: "arithmetic intensity [flop/byte]", y: "speed [\(unit.name)]")
    script.setAxis("x", x, ticks: LogAxis.decimalTicks(x))
    script.setAxis("y", y, ticks: LogAxis.decimalTicks(y))
    addRoofs(compute, bandwidth, names: roofs, x: x, y: y, to: &script)
    for entry in series {
      script.plot(
        entry.points.map { [$0[0], $0[1] * unit.scale] }, entry.style.points, label: entry.label)
    }
    return script.text
  }

  private typealias Roof = (name: String, value: Double)

  /// Roofs are named in the key, where no name can cover a point.
  private static func addRoofs(
    _ compute: [Roof], _ bandwidth: [Roof], names: [String], x: ClosedRange<Double>,
    y: ClosedRange<Double>, to script: inout PlotScript
  ) {
    let highest = compute.map(\.value).max() ?? 1
    let fastest = bandwidth.map(\.value).max() ?? 1
    for (index, roof) in compute.enumerated() {
      script.plot(
        [[min(roof.value / fastest, x.upperBound), roof.value], [x.upperBound, roof.value]],
        line(color: "#303030", index), label: names[index])
    }
    for (index, roof) in bandwidth.enumerated() {
      let start = max(x.lowerBound, y.lowerBound / roof.value)
      let end = min(highest / roof.value, x.upperBound)
      guard start < end else { continue }
      script.plot(
        [[start, start * roof.value], [end, end * roof.value]], line(color: "#909090", index),
        label: names[compute.count + index])
    }
  }

  private static func line(color: String, _ index: Int) -> String {
    "with lines linecolor rgb '\(color)' linewidth 1.6 dashtype \(1 + index % 5)"
  }

  /// Roofs by height; those too close for two lines share the line and name of the highest.
  private static func merged(_ roofs: [(String, Double)]) -> [Roof] {
    var result: [Roof] = []
    for (name, value) in roofs.sorted(by: { $0.1 > $1.1 }) {
      if let last = result.last, last.value < value * 1.02 {
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
