// SPDX-License-Identifier: MIT

import ResultStore

/// Median time against sequence length, a line per mechanism and setting.
enum TimePlot {
  /// More lines than this cannot be told apart in one plane.
  private static let seriesLimit = 20

  static func script(_ report: Report, output: PlotOutput) -> Known<String> {
    let all = series(report)
    let lines = all.filter { entry in Set(entry.points.map { $0[0] }).count > 1 }
    let candidates = lines.isEmpty ? all : lines
    let series = Array(candidates.prefix(seriesLimit))
    guard !series.isEmpty else { return .absent(reason: "no case was measured") }
    let omitted =
      candidates.count > seriesLimit ? " (first \(seriesLimit) of \(candidates.count) lines)" : ""
    let points = series.flatMap(\.points)
    let x = LogAxis.range(points.map { $0[0] }, margin: 1.25)
    let y = LogAxis.range(points.map { $0[1] }, margin: 1.5)
    var script = PlotScript(
      output: output, frame: PlotFrame(keyLabels: series.map(\.label)),
      title: "Median time on this host against sequence length\(omitted)",
      x: "sequence length [query token]", y: "time [ms]")
    script.setAxis("x", x, ticks: LogAxis.binaryTicks(x))
    script.setAxis("y", y, ticks: LogAxis.decimalTicks(y))
    for entry in series {
      let style = entry.style
      script.plot(
        entry.points,
        "with linespoints pointtype \(style.marker) linewidth 1.6 "
          + "linecolor rgb '\(style.color)' dashtype \(style.dash)",
        label: entry.label)
    }
    return .value(script.text)
  }

  /// One series per distinct setting: length [token] and median time [ms], by length.
  private static func series(_ report: Report) -> [PlotSeries] {
    let rows = report.resultRows.filter { $0.time(.mechanism).value != nil }
    let labels = SeriesLabels(rows.map(\.record))
    let names = rows.map { labels.label(of: $0.record) }
    let styles = Self.styles(rows, names: names, of: report)
    var series: [PlotSeries] = []
    for (row, name) in zip(rows, names) {
      guard let nanoseconds = row.time(.mechanism).value?.medianNanoseconds else { continue }
      let point = [Double(row.record.problem.shape.queryLength), nanoseconds / 1e6]
      guard point.allSatisfy(LogAxis.isDrawable) else { continue }
      series.add(point, label: name, styles: styles)
    }
    return series.map { entry in
      var sorted = entry
      sorted.points.sort { $0[0] < $1[0] }
      return sorted
    }
  }

  /// The colour of a mechanism in every picture, with a variant for each of its settings.
  private static func styles(
    _ rows: [NumberedRecord], names: [String], of report: Report
  ) -> [String: PlotStyle] {
    let mechanisms = PlotStyle.assign(report.records.map(\.mechanism.id))
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

/// Names for lines: the mechanism, and whatever else differs between cases.
private struct SeriesLabels {
  private let varyingParameters: [String: Set<String>]
  private let varyingTraits: Set<String>

  init(_ records: [CaseRecord]) {
    var parameters: [String: Set<String>] = [:]
    for (id, group) in Dictionary(grouping: records, by: \.mechanism.id) {
      let names = Set(group.flatMap(\.mechanism.parameters.keys))
      parameters[id] = names.filter { name in
        Set(group.map { $0.mechanism.parameters[name] }).count > 1
      }
    }
    varyingParameters = parameters
    let traits = records.map(Self.traits)
    let names = Set(traits.flatMap { $0.map(\.name) })
    varyingTraits = names.filter { name in
      Set(traits.map { $0.first { $0.name == name }?.text }).count > 1
    }
  }

  func label(of record: CaseRecord) -> String {
    let names = varyingParameters[record.mechanism.id] ?? []
    let parameters = names.sorted().compactMap { name in
      record.mechanism.parameters[name].map { "\(name)=\($0)" }
    }
    let traits = Self.traits(record).filter { varyingTraits.contains($0.name) }.map(\.text)
    return ([record.mechanism.id] + parameters + traits).filter { !$0.isEmpty }
      .joined(separator: " ")
  }

  /// What must be equal for two times to lie on one line, apart from mechanism and length.
  private static func traits(_ record: CaseRecord) -> [(name: String, text: String)] {
    let shape = record.problem.shape
    return [
      ("causality", shape.isCausal ? "causal" : ""),
      ("batch", "batch=\(shape.batch)"),
      ("heads", "heads=\(shape.queryHeads)/\(shape.keyValueHeads)"),
      ("headDim", "d=\(shape.headDim)"),
      ("valueDim", shape.valueDim == shape.headDim ? "" : "dv=\(shape.valueDim)"),
      ("input", record.problem.input.kind),
      ("grid", shape.grid.map { "rank \($0.rank)" } ?? ""),
      ("keys", shape.isSelfAttention ? "" : "keys=\(shape.keyLength)"),
      ("threads", "\(record.execution.threads) threads"),
    ]
  }
}
