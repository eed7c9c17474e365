// SPDX-License-Identifier: MIT

import ResultStore

/// What could be gained and what was gained, a row of bars per case, grouped by problem.
enum BarsPlot {
  /// More rows than this cannot be read.
  private static let rowLimit = 60
  private static let boundColor = "#C4CBD2"
  private static let measuredColor = "#0072B2"

  static func script(_ report: Report, output: PlotOutput) -> Known<String> {
    let all = bars(report)
    guard !all.isEmpty else {
      return .absent(reason: "no case has both a measured speed-up and a roofline bound")
    }
    let bars = Array(all.prefix(rowLimit))
    let omitted = all.count > bars.count ? " (first \(bars.count) of \(all.count) cases)" : ""
    let problems = Set(bars.map(\.problem))
    let place = problems.count == 1 ? " at \(bars[0].problem)" : ""
    let lines = problems.count == 1 ? bars.map { ($0.name, $0) } : lines(bars)
    let range = LogAxis.range(bars.flatMap(\.numbers) + [1], margin: 1.25)
    let note = note(bars)
    let frame = PlotFrame(barRows: lines.map(\.name), hasNote: note != nil)
    var script = PlotScript(
      output: output, frame: frame,
      title: "Bound and measured speed-up over dense attention\(place)\(omitted)",
      x: "speed-up over flash f32; bars begin at 1", y: "")
    script.add("unset logscale y")
    script.add("unset grid")
    script.add("set grid xtics linetype 1 linewidth 0.6 linecolor rgb '#E2E2E2'")
    script.add("set border 1 linecolor rgb '#404040'")
    script.add(
      "set key at screen \(PlotScript.number((frame.left + frame.right) / 2)),"
        + "\(PlotScript.number(28 / frame.height)) center center horizontal maxcols 3 "
        + "Left reverse noenhanced")
    if let note { script.addNote(note, in: frame) }
    script.setAxis("x", range, ticks: LogAxis.decimalTicks(range))
    script.setNames("y", lines.map(\.name), reversed: true)
    draw(lines, range: range, in: &script)
    return .value(script.text)
  }

  private struct Bar {
    let problem: String
    /// Number of the case in the report.
    let number: Int
    let name: String
    let flop: Double?
    let bound: Double
    let speed: Estimate
    /// What dense attention reaches of its own floor.
    let flashShare: Double?

    var numbers: [Double] {
      [bound, speed.value, speed.interval.low, speed.interval.high] + (flop.map { [$0] } ?? [])
    }
  }

  /// Cases in the order of the report; the baseline itself has no bars.
  private static func bars(_ report: Report) -> [Bar] {
    let rows = report.resultRows.filter { $0.record.mechanism.id != "flash" }
    return rows.compactMap { row in
      guard let bound = row.hostBound.flatMap(\.roofline).value,
        let speed = row.timing(\.speedUpOverFlash).value
      else { return nil }
      let flop = row.record.bounds.flop.value.flatMap { LogAxis.isDrawable($0) ? $0 : nil }
      let bar = Bar(
        problem: row.record.problemText, number: row.number,
        name: "#\(row.number) \(row.record.label)", flop: flop, bound: bound, speed: speed,
        flashShare: row.timing(\.flashFloorShare).value)
      return bar.numbers.allSatisfy(LogAxis.isDrawable) ? bar : nil
    }
  }

  /// Why bars reach beyond their bounds: both sides of a bound are at their floors, those of these
  /// cases are not.
  private static func note(_ bars: [Bar]) -> String? {
    let beyond = bars.filter { $0.speed.interval.low > $0.bound && ($0.flashShare ?? 1) < 1 }
    guard let first = beyond.first, let share = first.flashShare else { return nil }
    let which =
      beyond.count == 1 ? "#\(first.number)" : "#\(first.number) and \(beyond.count - 1) more"
    return "Beyond the bound where flash is further from its own floor than the case: \(which) "
      + "(flash at \(NumberText.percent(share)))"
  }

  private typealias Line = (name: String, bar: Bar?)

  /// A heading per problem, then its bars.
  private static func lines(_ bars: [Bar]) -> [Line] {
    var lines: [Line] = []
    var problem: String?
    for bar in bars {
      if bar.problem != problem {
        lines.append(("\(bar.problem):", nil))
        problem = bar.problem
      }
      lines.append((bar.name, bar))
    }
    return lines
  }

  private static func draw(_ lines: [Line], range: ClosedRange<Double>, in script: inout PlotScript)
  {
    let placed = lines.enumerated().compactMap { place, line in
      line.bar.map { (Double(place), $0) }
    }
    func boxes(_ height: Double, _ end: (Bar) -> Double) -> [[Double]] {
      placed.map { row, bar in
        [end(bar), row, min(end(bar), 1), max(end(bar), 1), row - height / 2, row + height / 2]
      }
    }
    let box = "using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb"
    script.plot(boxes(0.78, \.bound), "\(box) '\(boundColor)'")
    script.plot(boxes(0.36, \.speed.value), "\(box) '\(measuredColor)'")
    script.plot(
      placed.map { row, bar in
        [bar.speed.value, row, bar.speed.interval.low, bar.speed.interval.high]
      },
      "with xerrorbars pointtype 0 linewidth 1.4 linecolor rgb '#000000'")
    script.plot(
      placed.compactMap { row, bar in bar.flop.map { [$0, row] } },
      "with points pointtype 12 linewidth 1.2 linecolor rgb '#707070'")
    script.plot(
      [[1, -0.5], [1, Double(lines.count) - 0.5]],
      "with lines linewidth 1.2 linecolor rgb '#404040'")
    script.addKey(
      "with boxes fillstyle solid noborder linecolor rgb '\(boundColor)'", label: "roofline bound")
    script.addKey(
      "with boxes fillstyle solid noborder linecolor rgb '\(measuredColor)'", label: "measured")
    script.addKey(
      "with points pointtype 12 linewidth 1.2 linecolor rgb '#707070'", label: "FLOP bound")
  }
}
