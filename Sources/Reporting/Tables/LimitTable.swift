// SPDX-License-Identifier: MIT

import ResultStore

/// Where the time goes of cases that stay below their bound.
///
/// The time over the roofline floor is a product of three losses, each 1 where nothing is lost:
/// evaluated over attended pairs, the time over that without the choice of keys, and the roof over
/// the pace of what is left. The largest one limits the case.
enum LimitTable {
  /// A realised share from which on a kernel counts as being at its bound.
  static let enough = 0.9
  static let caption =
    "Measured cases below 90 % of their roofline bound, and where the rest of their time goes. "
    + "The pace is the share of the roof at which the evaluated pairs run, without the choice of "
    + "keys; that of flash at the same shape stands beside it, since it is what speed-ups are over."

  static func table(_ rows: [NumberedRecord]) -> Table {
    let limits = rows.compactMap(Limits.init)
    guard !limits.isEmpty else { return Table(columns: []) }
    let percent = NumberText.percent
    return Table(
      columns: DetailTables.key(limits.map(\.row)) + [
        Column(
          "input", isNumeric: false,
          cells: limits.map { .code($0.row.record.problem.input.kind) }),
        Column("realised share", limits.map { .value($0.realised) }, style: percent),
        Column("keys per query", limits.map(\.keysPerQuery), style: NumberText.significant),
        Column("pairs outside the mask", limits.map(\.outside), style: percent),
        Column("choice of keys", limits.map(\.choice), style: percent),
        Column("pace", limits.map { .value($0.pace) }, style: percent),
        Column("flash's pace", limits.map { $0.row.timing(\.flashFloorShare) }, style: percent),
        Column("limited by", isNumeric: false, cells: limits.map { .text($0.sentence) }),
      ])
  }

  /// The losses of one case.
  private struct Limits {
    let row: NumberedRecord
    let realised: Double
    /// Attended keys per row of queries.
    let keysPerQuery: Quantity
    /// Share of the evaluated pairs that the mask leaves out.
    let outside: Quantity
    /// Share of the time in which keys are chosen.
    let choice: Quantity
    /// Floor of the evaluated pairs over the time without the choice.
    let pace: Double

    /// Nil unless the case was measured, has a bound here, and stays below it.
    init?(_ row: NumberedRecord) {
      guard row.record.status == .measured,
        let realised = row.timing(\.realisedShare).value, realised < LimitTable.enough,
        let floorShare = row.timing(\.floorShare).value, floorShare > 0,
        let time = row.time(.mechanism).value, time.medianNanoseconds > 0
      else { return nil }
      self.row = row
      self.realised = realised
      let efficiency = row.tileEfficiency
      outside = efficiency.map { 1 - $0 }
      let chosen = row.record.timing.value?.selection?.medianNanoseconds
      choice =
        chosen.map { .value(min($0 / time.medianNanoseconds, 1)) }
        ?? .absent(reason: "keys are not chosen by the data, or the choice was not timed alone")
      let rest = 1 - (choice.value ?? 0)
      pace = floorShare / max((efficiency.value ?? 1) * rest, .leastNonzeroMagnitude)
      let shape = row.record.problem.shape
      let queries = Double(shape.batch * shape.queryHeads * shape.queryLength)
      keysPerQuery = row.record.work.attendedPairs.map { Double($0) / max(queries, 1) }
    }

    /// The largest loss as a phrase.
    var sentence: String {
      let outside = outside.value ?? 0
      let choice = choice.value ?? 0
      let losses = [
        (1 / max(1 - outside, 1e-9), "\(NumberText.percent(outside)) of evaluated pairs masked"),
        (
          1 / max(1 - choice, 1e-9), "the choice of keys: \(NumberText.percent(choice)) of the time"
        ),
        (1 / max(pace, 1e-9), paceText),
      ]
      return losses.max { $0.0 < $1.0 }?.1 ?? paceText
    }

    private var paceText: String {
      let text = "pace: \(NumberText.percent(pace)) of the roof"
      guard let keys = keysPerQuery.value, keys < 128 else { return text }
      return text + ", with only \(NumberText.significant(keys)) keys per query"
    }
  }
}
