// SPDX-License-Identifier: MIT

import ResultStore

/// Every sample of a mechanism's cases as a tick, relative to the case's median.
enum SamplesPlot {
  /// More rows than this cannot be read.
  static let rowLimit = 24
  /// Samples of one case that are drawn: evenly chosen by rank where there are more.
  private static let tickLimit = 400

  static func script(_ rows: [NumberedRecord], output: PlotOutput) -> Known<String> {
    let cases = rows.compactMap { row in row.time(.mechanism).value.map { (row, $0) } }
      .filter { $0.1.medianNanoseconds > 0 && !$0.1.samplesNanoseconds.isEmpty }
    guard !cases.isEmpty else { return .absent(reason: "no case of the mechanism was timed") }
    let drawn = Array(cases.prefix(rowLimit))
    let names = drawn.map { row, time in
      let unit = ColumnUnit.duration(nanoseconds: [time.medianNanoseconds])
      let median = NumberText.significant(time.medianNanoseconds / unit.factor)
      return "#\(row.number) \(median) \(unit.name), \(time.count) samples"
    }
    let ratios = drawn.map { _, time in
      thinned(time.samplesNanoseconds.sorted()).map { $0 / time.medianNanoseconds }
    }
    let all = ratios.flatMap { $0 }
    let low = min(all.min() ?? 1, 0.98) - 0.01
    let high = max(min(all.max() ?? 1, 3), 1.02) + 0.01
    var script = PlotScript(
      output: output, frame: PlotFrame(sampleRows: names),
      title: "Samples relative to their median"
        + (cases.count > drawn.count ? " (first \(drawn.count) of \(cases.count) cases)" : ""),
      x: "time / median time of the case", y: "")
    script.add("unset logscale")
    script.add("unset key")
    script.add("set xrange [\(PlotScript.number(low)):\(PlotScript.number(high))]")
    script.add("set xtics autofreq")
    script.setNames("y", names, reversed: true)
    draw(drawn.map(\.1), ratios, in: &script)
    return .value(script.text)
  }

  private static func thinned(_ sorted: [Double]) -> [Double] {
    guard sorted.count > tickLimit else { return sorted }
    return (0..<tickLimit).map { sorted[$0 * (sorted.count - 1) / (tickLimit - 1)] }
  }

  private static func draw(
    _ times: [TimedAlternative], _ ratios: [[Double]], in script: inout PlotScript
  ) {
    let intervals = times.enumerated().map { row, time in
      let (low, high) = (time.intervalNanoseconds.low, time.intervalNanoseconds.high)
      let place = Double(row)
      return [
        1, place, low / time.medianNanoseconds, high / time.medianNanoseconds, place - 0.36,
        place + 0.36,
      ]
    }
    script.plot(
      intervals,
      "using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#C4CBD2'")
    let ticks = ratios.enumerated().flatMap { row, values in
      values.flatMap { [[$0, Double(row) - 0.28], [$0, Double(row) + 0.28], []] }
    }
    script.plot(ticks, "with lines linewidth 1.1 linecolor rgb '#0072B2'")
    script.plot(
      times.indices.flatMap { [[1, Double($0) - 0.42], [1, Double($0) + 0.42], []] },
      "with lines linewidth 2 linecolor rgb '#000000'")
  }
}
