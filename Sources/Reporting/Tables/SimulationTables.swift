// SPDX-License-Identifier: MIT

import ResultStore

/// Tables that hold the simulator's word against published and measured figures.
enum SimulationTables {
  /// Every quoted figure beside the simulated one; no rows where no suite quotes any.
  static func published(_ rows: [NumberedRecord]) -> Table {
    let figures = rows.flatMap { row in
      (row.record.published ?? []).map { (row: row, figure: $0) }
    }
    guard !figures.isEmpty else { return Table(columns: []) }
    return Table(
      columns: DetailTables.key(figures.map(\.row)) + [
        Column(
          "parameters", isNumeric: false, cells: figures.map { .code($0.row.parametersText) }),
        Column("figure", isNumeric: false, cells: figures.map { .text(words($0.figure.name)) }),
        Column("simulated", figures.map(\.figure.simulated), style: NumberText.fourDigits),
        Column("published", cells: figures.map { .text($0.figure.published) }),
        Column("difference", figures.map(\.figure.difference), style: NumberText.significant),
        Column(
          "reproduced", isNumeric: false,
          cells: figures.map { .text($0.figure.isReproduced ? "yes" : "NO") }),
        Column(
          "measured elsewhere", isNumeric: false, cells: figures.map { measured($0.figure) }),
      ])
  }

  /// Expected beside actual tiles of mechanisms that choose keys by the data; no rows without one.
  static func selections(_ rows: [NumberedRecord]) -> Table {
    let chosen = rows.compactMap { row in row.record.work.selection.map { (row: row, tiles: $0) } }
    guard !chosen.isEmpty else { return Table(columns: []) }
    let tiles = chosen.map(\.tiles)
    return Table(
      columns: DetailTables.key(chosen.map(\.row)) + [
        Column(
          "input", isNumeric: false, cells: chosen.map { .code($0.row.record.problem.input.kind) }),
        Column("dense tiles", cells: tiles.map { Cell(.value($0.denseTiles)) }),
        Column("expected", tiles.map { .value($0.expectedTiles) }, style: NumberText.exact),
        Column("actual", cells: tiles.map { Cell($0.actualTiles) }),
        Column("expected tile bound", tiles.map(\.expectedBound), style: NumberText.fourDigits),
        Column("actual tile bound", tiles.map(\.actualBound), style: NumberText.fourDigits),
      ])
  }

  private static func measured(_ figure: PublishedFigure) -> Cell {
    guard !figure.measured.isEmpty else {
      return .absent(reason: "no measurement of this figure is quoted")
    }
    return .text(
      figure.measured.sorted { $0.key < $1.key }
        .map { "\($0.key) \(NumberText.significant($0.value))" }.joined(separator: ", "))
  }

  private static func words(_ name: String) -> String {
    switch name {
    case "flopBound": "FLOP bound"
    case "tileBound": "tile bound"
    case "worstTileBound": "worst-tile bound"
    case "endToEnd": "end-to-end bound"
    default: name
    }
  }

  /// How far measured times lie above their predicted floors, per mechanism and over all; no rows
  /// where nothing was both predicted and measured.
  static func predictions(_ rows: [NumberedRecord]) -> Table {
    var groups: [(name: String, ratios: [Double])] = []
    for row in rows {
      guard let prediction = Prediction(row) else { continue }
      let id = row.record.mechanism.id
      if let index = groups.firstIndex(where: { $0.name == id }) {
        groups[index].ratios.append(prediction.ratio)
      } else {
        groups.append((id, [prediction.ratio]))
      }
    }
    guard !groups.isEmpty else { return Table(columns: []) }
    let all = groups.flatMap(\.ratios)
    let names = groups.map { Cell.code($0.name) } + [.text("all")]
    let sorted = (groups.map(\.ratios) + [all]).map { $0.sorted() }
    func column(_ heading: String, _ part: ([Double]) -> Double) -> Column {
      Column(heading, sorted.map { .value(part($0)) }, style: NumberText.significant)
    }
    return Table(columns: [
      Column("mechanism", isNumeric: false, cells: names),
      Column("cases", cells: sorted.map { .number(String($0.count)) }),
      column("lowest") { $0.first ?? .nan }, column("lower quartile") { quantile(0.25, of: $0) },
      column("median") { quantile(0.5, of: $0) },
      column("upper quartile") { quantile(0.75, of: $0) },
      column("p90") { quantile(0.9, of: $0) }, column("highest") { $0.last ?? .nan },
    ])
  }

  /// Median and 90th percentile of measured over predicted time; nil where nothing was both.
  static func predictionError(
    _ rows: [NumberedRecord]
  ) -> (cases: Int, median: Double, p90: Double)? {
    let ratios = rows.compactMap { Prediction($0)?.ratio }.sorted()
    guard !ratios.isEmpty else { return nil }
    return (ratios.count, quantile(0.5, of: ratios), quantile(0.9, of: ratios))
  }

  /// The quantile of sorted numbers, between neighbours by distance.
  private static func quantile(_ share: Double, of sorted: [Double]) -> Double {
    guard let last = sorted.indices.last else { return .nan }
    let place = share * Double(last)
    let low = Int(place)
    let high = min(low + 1, last)
    return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
  }
}
