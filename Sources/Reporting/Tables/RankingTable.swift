// SPDX-License-Identifier: MIT

import ResultStore

/// The cases of every problem by their time, with the accuracy that the time buys.
///
/// Only cases of one shape and one kind of input compare; a problem with one case has no ranking.
enum RankingTable {
  static let caption =
    "Cases of one problem by their median time, the fastest first. A case is on the front if none "
    + "of the problem is both as fast and as near to dense attention (by relative L1). Tile "
    + "efficiency is the share of the evaluated query-key pairs that are attended to."

  static func table(_ rows: [NumberedRecord]) -> Table {
    let ranked = problems(rows).filter { $0.rows.count > 1 }.flatMap(places)
    guard !ranked.isEmpty else { return Table(columns: []) }
    let cases = ranked.map(\.row)
    return Table(
      columns: [
        Column("problem", isNumeric: false, cells: cases.map { .code($0.record.problemText) }),
        Column("rank", cells: ranked.map(\.rank)),
        Column("#", cells: cases.map { .number($0.mark) }),
        Column("mechanism", isNumeric: false, cells: cases.map { .code($0.record.mechanism.id) }),
        Column("parameters", isNumeric: false, cells: cases.map { .code($0.parametersText) }),
        .duration("time", nanoseconds: cases.map(time)),
        Column("times the fastest", ranked.map(\.slowness), style: NumberText.significant),
        Column(
          "relative L1", cases.map { $0.denseError(\.relativeL1) }, style: NumberText.scientific),
        Column("cosine", cases.map { $0.denseError(\.cosine) }, style: NumberText.cosine),
        Column("on the front", isNumeric: false, cells: ranked.map(\.isOnFront)),
        Column("tile efficiency", cases.map(\.tileEfficiency), style: NumberText.percent),
        Column(
          "roofline bound", cases.map { $0.hostBound.flatMap(\.roofline) },
          style: NumberText.significant),
        Column(
          "realised share", cases.map { $0.timing(\.realisedShare) }, style: NumberText.percent),
        Column(
          "share of roofline floor", cases.map { $0.timing(\.floorShare) },
          style: NumberText.percent),
      ])
  }

  private struct Place {
    let row: NumberedRecord
    let rank: Cell
    let slowness: Quantity
    let isOnFront: Cell
  }

  private static func time(_ row: NumberedRecord) -> Quantity {
    row.time(.mechanism).map(\.medianNanoseconds)
  }

  private static func places(_ problem: (name: String, rows: [NumberedRecord])) -> [Place] {
    let timed = problem.rows.filter { time($0).value != nil }
      .sorted { (time($0).value ?? 0) < (time($1).value ?? 0) }
    let fastest = timed.first.flatMap { time($0).value } ?? 0
    let ranked = timed.enumerated().map { index, row in
      Place(
        row: row, rank: .number(String(index + 1)), slowness: time(row).map { $0 / fastest },
        isOnFront: isOnFront(row, of: timed))
    }
    let others = problem.rows.filter { time($0).value == nil }.map { row in
      let reason = time(row).reason ?? "no time"
      return Place(
        row: row, rank: .absent(reason: reason), slowness: .absent(reason: reason),
        isOnFront: .absent(reason: reason))
    }
    return ranked + others
  }

  private static func isOnFront(_ row: NumberedRecord, of rows: [NumberedRecord]) -> Cell {
    guard let own = time(row).value else { return Cell(time(row), style: NumberText.significant) }
    let error = row.denseError(\.relativeL1)
    guard let ownError = error.value else { return Cell(error, style: NumberText.scientific) }
    let isBeaten = rows.contains { other in
      guard let time = time(other).value, let error = other.denseError(\.relativeL1).value else {
        return false
      }
      return time <= own && error <= ownError && (time < own || error < ownError)
    }
    return .text(isBeaten ? "no" : "yes")
  }

  private static func problems(
    _ rows: [NumberedRecord]
  ) -> [(name: String, rows: [NumberedRecord])] {
    var problems: [(name: String, rows: [NumberedRecord])] = []
    for row in rows {
      let name = row.record.problemText
      if let index = problems.firstIndex(where: { $0.name == name }) {
        problems[index].rows.append(row)
      } else {
        problems.append((name, [row]))
      }
    }
    return problems
  }
}
