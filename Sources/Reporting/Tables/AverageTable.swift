// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

/// One row per mechanism and setting over all its cases: what papers print.
///
/// Ratios are averaged geometrically, distances arithmetically, and the worst case stands beside
/// the mean. Cases of other problems are other questions: the number of cases belongs to the row.
enum AverageTable {
  /// No rows where every setting has one case: the headline says it already.
  static func table(_ rows: [NumberedRecord]) -> Table {
    let groups = groups(rows)
    guard groups.contains(where: { $0.rows.count > 1 }) else { return Table(columns: []) }
    func column(
      _ heading: String, style: (Double) -> String, _ quantity: (NumberedRecord) -> Quantity,
      _ reduce: ([Double]) -> Double
    ) -> Column {
      Column(
        heading, groups.map { reduced($0.rows, quantity, reduce) }, style: style)
    }
    let speed = { (row: NumberedRecord) in trusted(row) { $0.speedUpOverFlash.map(\.value) } }
    let share = { (row: NumberedRecord) in trusted(row, \.realisedShare) }
    let scientific = NumberText.scientific
    let significant = NumberText.significant
    return Table(
      columns: [
        Column("mechanism", isNumeric: false, cells: groups.map { .code($0.id) }),
        Column("parameters", isNumeric: false, cells: groups.map { .code($0.parameters) }),
        Column("cases", cells: groups.map { .number(String($0.rows.count)) }),
        column("speed-up over flash f32", style: significant, speed, geometricMean),
        column("lowest", style: significant, speed) { $0.min() ?? .nan },
        column("highest", style: significant, speed) { $0.max() ?? .nan },
        column("realised share", style: NumberText.percent, share, geometricMean),
        column("cosine", style: NumberText.cosine, { $0.denseError(\.cosine) }, mean),
        column("worst cosine", style: NumberText.cosine, { $0.denseError(\.cosine) }) {
          $0.min() ?? .nan
        },
        column("relative L1", style: scientific, { $0.denseError(\.relativeL1) }, mean),
        column("worst relative L1", style: scientific, { $0.denseError(\.relativeL1) }) {
          $0.max() ?? .nan
        },
        column("RMSE", style: scientific, { $0.denseError(\.rmse) }, mean),
        column("worst RMSE", style: scientific, { $0.denseError(\.rmse) }) { $0.max() ?? .nan },
      ])
  }

  /// A time that contradicts the model stands in no average.
  private static func trusted(
    _ row: NumberedRecord, _ part: (TimingRecord) -> Quantity
  ) -> Quantity {
    if case .boundViolated = row.record.status {
      return .absent(reason: "the measured time contradicts its bound")
    }
    return row.timing(part)
  }

  private typealias Group = (id: String, parameters: String, rows: [NumberedRecord])

  private static func groups(_ rows: [NumberedRecord]) -> [Group] {
    var groups: [Group] = []
    for row in rows {
      let (id, parameters) = (row.record.mechanism.id, row.parametersText)
      if let index = groups.firstIndex(where: { $0.id == id && $0.parameters == parameters }) {
        groups[index].rows.append(row)
      } else {
        groups.append((id, parameters, [row]))
      }
    }
    return groups
  }

  /// The cases that have the quantity, reduced; absent with the first reason where none has it.
  private static func reduced(
    _ rows: [NumberedRecord], _ quantity: (NumberedRecord) -> Quantity,
    _ reduce: ([Double]) -> Double
  ) -> Quantity {
    let values = rows.compactMap { quantity($0).value }.filter(\.isFinite)
    guard !values.isEmpty else {
      return .absent(reason: rows.first.flatMap { quantity($0).reason } ?? "no case has it")
    }
    return .value(reduce(values))
  }

  private static func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(values.count)
  }

  private static func geometricMean(_ values: [Double]) -> Double {
    exp(values.reduce(0) { $0 + log($1) } / Double(values.count))
  }
}
