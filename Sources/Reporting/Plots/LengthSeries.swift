// SPDX-License-Identifier: MIT

import ResultStore

/// A quantity of every case against its sequence length, a line per mechanism and setting.
struct LengthSeries {
  private let report: Report

  init(_ report: Report) {
    self.report = report
  }

  /// One series per distinct setting: length [token] and `quantity`, by length; rows without the
  /// quantity are left out.
  func series(of quantity: (NumberedRecord) -> Double?) -> [PlotSeries] {
    let rows = report.resultRows.filter { quantity($0) != nil }
    let labels = SeriesLabels(rows.map(\.record))
    let names = rows.map { labels.label(of: $0.record) }
    let styles = styles(rows, names: names)
    var series: [PlotSeries] = []
    for (row, name) in zip(rows, names) {
      guard let value = quantity(row) else { continue }
      let point = [Double(row.record.problem.shape.queryLength), value]
      guard point.allSatisfy(LogAxis.isDrawable) else { continue }
      series.add(point, label: name, styles: styles)
    }
    return series.map { entry in
      var sorted = entry
      sorted.points.sort { $0[0] < $1[0] }
      return sorted
    }
  }

  /// Where each setting begins to be faster than dense attention: the point of the shortest length
  /// from which on `ratio` is above 1; settings without one have none.
  func efficiencyMarks(
    of quantity: (NumberedRecord) -> Double?, ratio: (NumberedRecord) -> Double?
  ) -> [[Double]] {
    let rows = report.resultRows.filter { quantity($0) != nil && $0.record.mechanism.id != "flash" }
    let labels = SeriesLabels(rows.map(\.record))
    return Dictionary(grouping: rows) { labels.label(of: $0.record) }
      .sorted { $0.key < $1.key }
      .compactMap { _, group in
        let known = group.compactMap { row in
          ratio(row).map { (length: row.record.problem.shape.queryLength, ratio: $0, row: row) }
        }.sorted { $0.length < $1.length }
        guard Set(known.map(\.length)).count > 1,
          let first = known.reversed().prefix(while: { $0.ratio > 1 }).last,
          let value = quantity(first.row)
        else { return nil }
        let point = [Double(first.length), value]
        return point.allSatisfy(LogAxis.isDrawable) ? point : nil
      }
  }

  /// The clause and the name of ``efficiencyMarks(of:ratio:)``.
  static let markStyle =
    "with points pointtype 6 pointsize 2.1 linewidth 1.6 linecolor rgb '#505050'"
  static let markLabel = "faster than dense from here on"

  /// The colour of a mechanism in every picture, with a variant for each of its settings.
  func styles(_ rows: [NumberedRecord], names: [String]) -> [String: PlotStyle] {
    let mechanisms = report.styles
    var settings: [String: [String]] = [:]
    var styles: [String: PlotStyle] = [:]
    for (row, name) in zip(rows, names) where styles[name] == nil {
      let id = row.record.mechanism.id
      styles[name] = (mechanisms[id] ?? .baseline).variant(settings[id]?.count ?? 0)
      settings[id, default: []].append(name)
    }
    return styles
  }
}

extension [PlotSeries] {
  /// More lines than this cannot be told apart in one plane.
  private static var limit: Int { 20 }

  /// Lines of more than one length, or all points where there is no line, with a note for the title
  /// if they were too many.
  var drawn: (series: [PlotSeries], note: String) {
    let lines = filter { entry in Set(entry.points.map { $0[0] }).count > 1 }
    let candidates = lines.isEmpty ? self : lines
    let note =
      candidates.count > Self.limit
      ? " (first \(Self.limit) of \(candidates.count) lines)" : ""
    return (Array(candidates.prefix(Self.limit)), note)
  }
}
