// SPDX-License-Identifier: MIT

import ResultStore

/// Distance from dense attention against measured speed-up, at one problem.
///
/// Errors of different problems do not compare; where a report has several, the one with the most
/// mechanisms is drawn, the longest of them first.
enum ParetoPlot {
  static func script(_ report: Report, output: PlotOutput) -> Known<String> {
    let problems = problems(report)
    guard let best = problems.max(by: { $0.rank < $1.rank }) else {
      return .absent(
        reason: "no case has both a measured speed-up and a distance from dense attention")
    }
    let others = problems.count > 1 ? " (1 of \(problems.count) problems)" : ""
    let points = best.points.map(\.place)
    let x = LogAxis.range(points.map(\.speed) + [1], margin: 1.4)
    let y = LogAxis.range(points.map(\.error), margin: 3)
    let series = series(best.points, report: report)
    let guides = [
      (
        label: "no better case",
        style: "with lines linewidth 1.4 linecolor rgb '#707070' dashtype 2"
      ),
      (label: "as fast as flash", style: "with lines linecolor rgb '#B0B0B0' linewidth 1.2"),
    ]
    var script = PlotScript(
      output: output, frame: PlotFrame(keyLabels: series.map(\.label) + guides.map(\.label)),
      title: "Accuracy against speed at \(best.name)\(others)",
      x: "measured speed-up over flash f32 (right is better)",
      y: "relative L1 to dense attention (down is better)")
    script.setAxis("x", x, ticks: LogAxis.decimalTicks(x))
    script.setAxis("y", y, ticks: LogAxis.decimalTicks(y))
    script.plot(
      front(points, in: x, y).map { [$0.speed, $0.error] }, guides[0].style)
    script.plot([[1, y.lowerBound], [1, y.upperBound]], guides[1].style)
    for entry in series { script.plot(entry.points, entry.style.points, label: entry.label) }
    for guide in guides { script.addKey(guide.style, label: guide.label) }
    return .value(script.text)
  }

  typealias Place = (speed: Double, error: Double)

  private struct Problem {
    let name: String
    let length: Int
    var points: [(row: NumberedRecord, place: Place)]

    /// Compares by mechanisms, then by length.
    var rank: (Int, Int) { (Set(points.map(\.row.record.mechanism.id)).count, length) }
  }

  private static func problems(_ report: Report) -> [Problem] {
    var problems: [Problem] = []
    for row in report.resultRows {
      guard let speed = row.timing(\.speedUpOverFlash).map(\.value).value,
        let error = row.denseError(\.relativeL1).value,
        LogAxis.isDrawable(speed), LogAxis.isDrawable(error)
      else { continue }
      let name = row.record.problemText
      let point = (row: row, place: (speed: speed, error: error))
      if let index = problems.firstIndex(where: { $0.name == name }) {
        problems[index].points.append(point)
      } else {
        let shape = row.record.problem.shape
        problems.append(
          Problem(name: name, length: max(shape.queryLength, shape.keyLength), points: [point]))
      }
    }
    return problems
  }

  private static func series(
    _ points: [(row: NumberedRecord, place: Place)], report: Report
  ) -> [PlotSeries] {
    let labels = points.map(\.row.record.label)
    let styles = LengthSeries(report).styles(points.map(\.row), names: labels)
    var series: [PlotSeries] = []
    for (point, label) in zip(points, labels) {
      series.add([point.place.speed, point.place.error], label: label, styles: styles)
    }
    return series
  }

  /// The stairs below which, to the right of which, no case lies: corners of the cases that no
  /// other case beats in both speed and error.
  static func front(
    _ points: [Place], in x: ClosedRange<Double>, _ y: ClosedRange<Double>
  ) -> [Place] {
    let best = points.sorted { ($0.error, -$0.speed) < ($1.error, -$1.speed) }
    var stairs: [Place] = []
    for point in best {
      guard let last = stairs.last else {
        stairs = [(x.lowerBound, point.error), point]
        continue
      }
      guard point.speed > last.speed else { continue }
      stairs += [(last.speed, point.error), point]
    }
    if let last = stairs.last { stairs.append((last.speed, y.upperBound)) }
    return stairs
  }
}
