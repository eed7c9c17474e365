// SPDX-License-Identifier: MIT

import ResultStore

/// The table that holds bound, realised speed and price of every case on one row.
enum HeadlineTable {
  /// Columns that name the case.
  static func identity(_ rows: [NumberedRecord]) -> [Column] {
    [
      Column("#", cells: rows.map { .number($0.mark) }),
      Column("mechanism", isNumeric: false, cells: rows.map { .code($0.record.mechanism.id) }),
      Column("parameters", isNumeric: false, cells: rows.map { .code($0.parametersText) }),
      Column(
        "shape", isNumeric: false, cells: rows.map { .code($0.record.problem.shape.description) }),
      Column("precision", isNumeric: false, cells: rows.map { .text($0.record.problem.precision) }),
      Column("input", isNumeric: false, cells: rows.map { .text($0.record.problem.input.kind) }),
    ]
  }

  /// The most that can be gained; on the first machine of the run where the host was not simulated.
  static func bounds(_ rows: [NumberedRecord]) -> [Column] {
    let style = NumberText.significant
    let machine = DetailTables.machineNames(rows).first ?? BoundsRecord.host
    let place = machine == BoundsRecord.host ? "" : ", \(machine)"
    let bounds = rows.map { $0.record.bounds.bound(on: machine) }
    return [
      Column("FLOP bound", rows.map(\.record.bounds.flop), style: style),
      Column("tile bound", rows.map(\.record.bounds.tile), style: style),
      Column("worst-tile bound", rows.map(\.record.bounds.worstTile), style: style),
      Column("roofline bound\(place)", bounds.map { $0.flatMap(\.roofline) }, style: style),
      Column(
        "binding ceiling\(place)", isNumeric: false,
        cells: bounds.map { Cell(text: $0.flatMap(\.bindingCeiling)) }),
    ]
  }

  /// What was gained.
  static func speed(_ rows: [NumberedRecord]) -> [Column] {
    [
      .duration(
        "time", nanoseconds: rows.map { $0.time(.mechanism).map(\.medianNanoseconds) }),
      Column(
        "GFLOP/s", rows.map { $0.timing(\.gigaflopsPerSecond) }, style: NumberText.significant),
      Column(
        "speed-up over flash f32", cells: rows.map { Cell($0.timing(\.speedUpOverFlash)) }),
      Column(
        "speed-up over dense, same precision",
        cells: rows.map { Cell($0.timing(\.speedUpOverDense)) }),
      Column(
        "realised share", rows.map { $0.timing(\.realisedShare) }, style: NumberText.percent),
    ]
  }

  /// What it costs.
  static func price(_ rows: [NumberedRecord]) -> [Column] { accuracy(rows) + cost(rows) }

  /// Distance from dense attention and from the own definition.
  static func accuracy(_ rows: [NumberedRecord]) -> [Column] {
    [
      Column("cosine", rows.map { $0.denseError(\.cosine) }, style: NumberText.cosine),
      Column(
        "worst-row cosine", rows.map { $0.record.accuracy.dense.flatMap(\.worstRowCosine) },
        style: NumberText.cosine),
      Column("relative L1", rows.map { $0.denseError(\.relativeL1) }, style: NumberText.scientific),
      Column("RMSE", rows.map { $0.denseError(\.rmse) }, style: NumberText.scientific),
      Column(
        "error against own oracle", rows.map { $0.oracleError(\.relativeL2) },
        style: NumberText.scientific),
    ]
  }

  /// Memory beside inputs and output.
  static func cost(_ rows: [NumberedRecord]) -> [Column] {
    [.bytes("workspace", rows.map { $0.record.memory.workspaceBytes.map(Double.init) })]
  }

  static func table(_ rows: [NumberedRecord]) -> Table {
    Table(columns: identity(rows) + bounds(rows) + speed(rows) + price(rows))
  }
}
