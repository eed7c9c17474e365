// SPDX-License-Identifier: MIT

import Comparison
import ResultStore

/// One metric of one case, night by night, with its changes and annotations.
public struct TrendPlot: Sendable {
  /// One series with what was found in it.
  public struct Line: Sendable {
    public let series: HistorySeries
    public let changes: [HistoryChange]

    public init(series: HistorySeries, changes: [HistoryChange]) {
      self.series = series
      self.changes = changes
    }
  }

  private let lines: [Line]
  private let annotations: [HistoryAnnotation]
  /// All nights of all series; a night's place is its number.
  private let nights: [HistoryRun]

  /// The trend of series of one metric; those of other machines get a colour each.
  public init(_ lines: [Line], annotations: [HistoryAnnotation]) {
    self.lines = lines.filter { !$0.series.points.isEmpty }
    self.annotations = annotations
    nights = Set(self.lines.flatMap { $0.series.points.map(\.run) }).sorted()
  }

  /// The gnuplot script of the picture with its data inside, or why there is nothing to draw.
  public func script(output: PlotOutput) -> Known<String> {
    guard let first = lines.first else { return .absent(reason: "the series has no values") }
    let key = first.series.key
    let values = lines.flatMap { $0.series.points.map(\.value) }
    let unit = HistoryText.unit(of: key.metric, values)
    let range = Self.range(lines.flatMap { $0.series.points }, factor: unit.factor)
    var script = PlotScript(
      output: output, frame: PlotFrame(keyLabels: lines.map(\.series.place) + Self.keyLabels),
      title: key.caseID, x: "night (UTC)",
      y: unit.name == "1" ? key.metric.name : "\(key.metric.name) [\(unit.name)]")
    script.add("unset logscale")
    addNights(to: &script)
    script.add(
      "set yrange [\(PlotScript.number(range.lowerBound)):\(PlotScript.number(range.upperBound))]")
    addAnnotations(to: &script, range: range)
    for (index, line) in lines.enumerated() {
      add(line, style: .series(index), factor: unit.factor, range: range, to: &script)
    }
    addKey(to: &script)
    return .value(script.text)
  }

  private static let keyLabels = ["level between changes", "disturbed night, left out"]
  private static let levelStyle = "with lines linewidth 2.4 linecolor rgb '#303030'"
  private static let unfitStyle = "with points pointtype 2 linewidth 1.5 linecolor rgb '#A0A0A0'"

  /// The interval bars with a twelfth of room at both ends, more above for the labels.
  private static func range(_ points: [HistoryPoint], factor: Double) -> ClosedRange<Double> {
    let low = points.map { min($0.value, $0.interval?.low ?? $0.value) }.min() ?? 0
    let high = points.map { max($0.value, $0.interval?.high ?? $0.value) }.max() ?? 1
    let span = high > low ? high - low : max(abs(high), 1) * 0.1
    return ((low - span / 12) / factor)...((high + span / 4) / factor)
  }

  private func addNights(to script: inout PlotScript) {
    let count = nights.count
    script.add("set xrange [-0.5:\(PlotScript.number(Double(max(count, 2)) - 0.5))]")
    // Eight dates fit side by side.
    let step = max(1, (count + 7) / 8)
    let marks = stride(from: 0, to: count, by: step).map { index in
      "\(Escaping.gnuplot(String(HistoryText.night(nights[index].startedAt).prefix(10)))) \(index)"
    }
    script.add("set xtics (\(marks.joined(separator: ", ")))")
    script.add("set ytics autofreq")
  }

  private func place(_ run: HistoryRun) -> Double {
    Double(nights.firstIndex(of: run) ?? 0)
  }

  private func add(
    _ line: Line, style: PlotStyle, factor: Double, range: ClosedRange<Double>,
    to script: inout PlotScript
  ) {
    let fit = line.series.points.filter(\.isFit)
    let unfit = line.series.points.filter { !$0.isFit }
    script.plot(
      fit.map { point in
        [
          place(point.run), point.value / factor, (point.interval?.low ?? point.value) / factor,
          (point.interval?.high ?? point.value) / factor,
        ]
      },
      "using 1:2:3:4 with yerrorbars pointtype \(style.marker) linewidth 1 "
        + "linecolor rgb '\(style.color)'",
      label: line.series.place)
    if !unfit.isEmpty {
      script.plot(unfit.map { [place($0.run), $0.value / factor] }, Self.unfitStyle)
    }
    for level in levels(line) {
      script.plot(
        [[level.from, level.value / factor], [level.to, level.value / factor]], Self.levelStyle)
    }
    for (index, change) in line.changes.enumerated() {
      mark(change, index, range: range, in: &script)
    }
  }

  private typealias Level = (from: Double, to: Double, value: Double)

  private func levels(_ line: Line) -> [Level] {
    guard let last = line.series.points.last, let first = line.series.points.first else {
      return []
    }
    var levels: [Level] = []
    var start = place(first.run)
    for change in line.changes {
      levels.append((start, place(change.first.run) - 0.5, change.before))
      start = place(change.first.run) - 0.5
    }
    if let change = line.changes.last { levels.append((start, place(last.run), change.after)) }
    return levels
  }

  /// A line before the first night of the new level; its label says how much, so that the colour
  /// alone need not.
  private func mark(
    _ change: HistoryChange, _ index: Int, range: ClosedRange<Double>,
    in script: inout PlotScript
  ) {
    let x = place(change.first.run) - 0.5
    let color =
      switch change.effect {
      case .better: "#009E73"
      case .worse: change.explanation == nil ? "#D55E00" : "#909090"
      case .different: "#0072B2"
      }
    script.add(
      "set arrow from \(PlotScript.number(x)),graph 0 to \(PlotScript.number(x)),graph 1 nohead "
        + "linecolor rgb '\(color)' linewidth 1.6 dashtype 2 back")
    let expected = change.explanation == nil ? "" : ", expected"
    let text = "\(HistoryText.change(change.ratio)) \(change.effect.rawValue)\(expected)"
    // Two heights, so that neighbours stay readable.
    let height = 0.97 - 0.045 * Double(index % 2)
    let isRight = x > Double(nights.count) * 0.8
    script.add(
      "set label \(Escaping.gnuplot(text)) at \(PlotScript.number(x)),graph "
        + "\(PlotScript.number(height)) \(isRight ? "right" : "left") "
        + "offset character \(isRight ? "-0.6" : "0.6"),0 font ',11' textcolor rgb '\(color)' front"
    )
  }

  private func addAnnotations(to script: inout PlotScript, range: ClosedRange<Double>) {
    for (index, note) in annotations.enumerated() {
      let next = nights.firstIndex { $0.startedAt >= note.at }.map(Double.init)
      let x = (next ?? Double(nights.count)) - 0.5
      script.add(
        "set arrow from \(PlotScript.number(x)),graph 0 to \(PlotScript.number(x)),graph 0.86 "
          + "nohead linecolor rgb '#CC79A7' linewidth 1.6 dashtype 3 back")
      let isRight = x > Double(nights.count) * 0.6
      let height = 0.86 - 0.045 * Double(index % 3)
      script.add(
        "set label \(Escaping.gnuplot(Self.shortened(note.text))) at \(PlotScript.number(x)),graph "
          + "\(PlotScript.number(height)) \(isRight ? "right" : "left") "
          + "offset character \(isRight ? "-0.6" : "0.6"),0 font ',11' textcolor rgb '#8F4A73' front"
      )
    }
  }

  private static func shortened(_ text: String) -> String {
    text.count > 60 ? text.prefix(57) + "..." : text
  }

  private func addKey(to script: inout PlotScript) {
    if lines.contains(where: { !$0.changes.isEmpty }) {
      script.addKey(Self.levelStyle, label: Self.keyLabels[0])
    }
    if lines.contains(where: { $0.series.points.contains { !$0.isFit } }) {
      script.addKey(Self.unfitStyle, label: Self.keyLabels[1])
    }
  }
}
