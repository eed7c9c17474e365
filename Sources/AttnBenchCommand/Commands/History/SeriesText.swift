// SPDX-License-Identifier: MIT

import Comparison
import Reporting
import ResultStore

/// One series night by night, for people.
struct SeriesText {
  let line: TrendPlot.Line
  let annotations: [HistoryAnnotation]

  func text(_ format: ListFormat, last: Int) -> String {
    let series = line.series
    let metric = series.key.metric
    let shown = series.points.suffix(last)
    let unit = HistoryText.unit(of: metric, shown.map(\.value))
    let name = unit.name == "1" ? metric.name : "\(metric.name) [\(unit.name)]"
    let rows = series.points.indices.suffix(last).map { index in
      cells(
        series.points[index], after: index > 0 ? series.points[index - 1] : nil,
        factor: unit.factor)
    }
    let listing = Listing(
      subject: "points",
      columns: ["night (UTC)", "run", "commit", name, "95 % interval", "to last", "note"],
      rows: rows)
    return "\(series.key.caseID)\n\(heading)\n\n\(listing.text(format))"
  }

  private var heading: String {
    let series = line.series
    let nights = series.points.count
    let changes = line.changes.count
    return "\(series.key.metric.name) on \(series.place) (\(series.machine.cpu)): "
      + "\(nights) night\(nights == 1 ? "" : "s"), \(changes) change\(changes == 1 ? "" : "s")"
  }

  private func cells(
    _ point: HistoryPoint, after previous: HistoryPoint?, factor: Double
  ) -> [String] {
    let metric = line.series.key.metric
    func number(_ value: Double) -> String {
      HistoryText.value(value, of: metric, factor: factor)
    }
    let interval = point.interval.map { "\(number($0.low)) ... \(number($0.high))" } ?? "n/a"
    let step = previous.map { last in
      last.value == point.value
        ? "=" : HistoryText.change(last.value == 0 ? nil : point.value / last.value)
    }
    return [
      HistoryText.night(point.run.startedAt), point.run.name, HistoryText.commit(point.commit),
      number(point.value), interval, step ?? "", note(point, after: previous),
    ]
  }

  private func note(_ point: HistoryPoint, after previous: HistoryPoint?) -> String {
    var notes: [String] = []
    for change in line.changes where change.first.run == point.run {
      notes.append("CHANGE \(HistoryText.change(change.ratio)), \(change.effect.rawValue)")
    }
    let begin = previous?.run.startedAt ?? ""
    for annotation in annotations
    where annotation.at > begin && annotation.at <= point.run.startedAt {
      notes.append("[\(annotation.id)] \(annotation.text)")
    }
    if let flaw = point.flaw { notes.append("\(flaw): left out") }
    return notes.joined(separator: "; ")
  }
}

/// One series in the table of all.
struct OverviewRow {
  static let columns = [
    "case", "metric", "machine", "threads", "toolchain", "nights", "last night", "value",
    "last change",
  ]

  let series: HistorySeries
  let change: HistoryChange?
  /// Whether enough nights are fit for a change to be seen at all.
  let isSearchable: Bool

  var cells: [String] {
    let key = series.key
    let last = series.points.last
    let unit = HistoryText.unit(of: key.metric, last.map { [$0.value] } ?? [])
    let value = last.map { HistoryText.value($0.value, of: key.metric, factor: unit.factor) }
    return [
      key.caseID, key.metric.name, series.machine.slug, "\(key.threads)",
      key.toolchain.description, "\(series.points.count)",
      HistoryText.night(last?.run.startedAt ?? ""),
      (value ?? "n/a") + (unit.name == "1" ? "" : " \(unit.name)"),
      change.map { change in
        let night = HistoryText.night(change.first.run.startedAt).prefix(10)
        let expected = change.explanation == nil ? "" : ", expected"
        return
          "\(HistoryText.change(change.ratio)) \(change.effect.rawValue) on \(night)\(expected)"
      } ?? (isSearchable ? "none" : "too few fit nights"),
    ]
  }
}
