// SPDX-License-Identifier: MIT

import ResultStore

/// The tables behind the headline: times, accuracy, work and counters.
enum DetailTables {
  /// Number, mechanism with its parameters and shape, enough to find the headline's row.
  static func key(_ rows: [NumberedRecord]) -> [Column] {
    [
      Column("#", cells: rows.map { .number($0.mark) }),
      Column("mechanism", isNumeric: false, cells: rows.map { .code($0.record.label) }),
      Column(
        "shape", isNumeric: false, cells: rows.map { .code($0.record.problem.shape.description) }),
    ]
  }

  /// Roofline bound and binding ceiling on every machine that any case was simulated on.
  static func machines(_ rows: [NumberedRecord]) -> Table {
    let names = machineNames(rows)
    let columns = names.map { name in
      Column(name, isNumeric: false, cells: rows.map { machineCell($0, machine: name) })
    }
    return Table(columns: key(rows) + columns)
  }

  /// Machines in order of first mention, the host first.
  static func machineNames(_ rows: [NumberedRecord]) -> [String] {
    var names: [String] = []
    for row in rows {
      for bound in row.record.bounds.machines where !names.contains(bound.machine) {
        names.append(bound.machine)
      }
    }
    return names.filter { $0 == BoundsRecord.host } + names.filter { $0 != BoundsRecord.host }
  }

  private static func machineCell(_ row: NumberedRecord, machine: String) -> Cell {
    switch row.record.bounds.bound(on: machine) {
    case .absent(let reason): return .absent(reason: reason)
    case .value(let bound):
      guard case .number(let number) = Cell(bound.roofline, style: NumberText.significant) else {
        return Cell(bound.roofline, style: NumberText.significant)
      }
      var text = "\(number) \(bound.precision)/\(bound.densePrecision)"
      if let ceiling = bound.bindingCeiling.value { text += ", \(ceiling)" }
      if !bound.unpriced.isEmpty {
        text += " (unpriced: \(bound.unpriced.joined(separator: ", ")))"
      }
      return .text(text)
    }
  }

  static func times(_ rows: [NumberedRecord]) -> Table {
    let times = rows.map { $0.time(.mechanism) }
    let percent = NumberText.percent
    let significant = NumberText.significant
    return Table(
      columns: key(rows) + [
        .duration("median", nanoseconds: times.map { $0.map(\.medianNanoseconds) }),
        .duration("MAD", nanoseconds: times.map { $0.map(\.madNanoseconds) }),
        .duration("minimum", nanoseconds: times.map { $0.map(\.minNanoseconds) }),
        .duration("p90", nanoseconds: times.map { $0.map(\.p90Nanoseconds) }),
        Column("samples", cells: times.map { Cell($0.map(\.count)) }),
        Column("disturbed", cells: times.map { Cell($0.map(\.disturbed)) }),
        Column("core shared", cells: times.map { Cell($0.flatMap(sharedSamples)) }),
        Column("GFLOP/s", rows.map { $0.timing(\.gigaflopsPerSecond) }, style: significant),
        Column("share of f32 peak", rows.map { $0.timing(\.shareOfPeak) }, style: percent),
        Column(
          "adjacent f32 peak [GFLOP/s]", rows.map { $0.timing(\.adjacentPeakGigaflopsPerSecond) },
          style: significant),
        Column("share of roofline floor", rows.map { $0.timing(\.floorShare) }, style: percent),
        Column(
          "flash's share of its floor", rows.map { $0.timing(\.flashFloorShare) },
          style: percent),
        Column(
          "stopped by", isNumeric: false,
          cells: rows.map { Cell(text: $0.record.publishableTiming.map(\.stop)) }),
      ])
  }

  private static func sharedSamples(_ time: TimedAlternative) -> Known<Int> {
    guard let shared = time.sharedCoreSamples else {
      return .absent(reason: "the run did not look at the issue rate of its cores")
    }
    return .value(shared.count)
  }

  static func accuracy(_ rows: [NumberedRecord]) -> Table {
    let scientific = NumberText.scientific
    return Table(
      columns: key(rows) + [
        Column("maximum absolute", rows.map { $0.oracleError(\.maxAbsolute) }, style: scientific),
        Column("relative L2", rows.map { $0.oracleError(\.relativeL2) }, style: scientific),
        Column("worst row", rows.map { $0.oracleError(\.worstRow) }, style: scientific),
        Column("tolerance", rows.map { $0.oracleError(\.tolerance) }, style: scientific),
        Column(
          "checked at", isNumeric: false,
          cells: rows.map { Cell(text: $0.record.accuracy.oracle.map(\.shape.description)) }),
        Column("cosine to dense", rows.map { $0.denseError(\.cosine) }, style: NumberText.cosine),
        Column(
          "worst head", rows.map { $0.record.accuracy.dense.flatMap(\.worstHeadCosine) },
          style: NumberText.cosine),
        Column(
          "worst row to dense", rows.map { $0.record.accuracy.dense.flatMap(\.worstRowCosine) },
          style: NumberText.cosine),
        Column("rows compared", cells: rows.map { Cell($0.record.accuracy.dense.map(\.rows)) }),
      ])
  }

  /// What selections kept of dense attention; only cases that select.
  static func selections(_ rows: [NumberedRecord]) -> Table {
    let rows = rows.filter { $0.record.accuracy.selection != nil }
    guard !rows.isEmpty else { return Table(columns: []) }
    let kept = rows.map(\.record.selection)
    return Table(
      columns: key(rows) + [
        Column("input", isNumeric: false, cells: rows.map { .code($0.record.problem.input.kind) }),
        Column("pairs kept", kept.map { $0.map(\.selectionShare) }, style: NumberText.percent),
        Column(
          "attention mass kept", kept.map { $0.map(\.attentionMassKept) },
          style: NumberText.percent),
        Column("worst row", kept.map { $0.map(\.worstRowMassKept) }, style: NumberText.percent),
        Column(
          "choosing / flash", rows.map(\.record.choosingShare), style: NumberText.percent),
        Column("cosine to dense", rows.map { $0.denseError(\.cosine) }, style: NumberText.cosine),
        Column("rows compared", cells: kept.map { Cell($0.map(\.rows)) }),
      ])
  }

  static func work(_ rows: [NumberedRecord]) -> Table {
    let tiles = rows.map(\.record.work.tiles)
    return Table(
      columns: key(rows) + [
        Column("attended pairs", cells: rows.map { Cell($0.record.work.attendedPairs) }),
        Column(
          "products [GFLOP]",
          rows.map { .value($0.record.work.operations.productOperations / 1e9) },
          style: NumberText.significant),
        Column(
          "exponentials",
          cells: rows.map { Cell(.value($0.record.work.operations[.exponential])) }),
        .bytes("read", rows.map { .value(Double($0.record.work.bytesRead)) }),
        .bytes("written", rows.map { .value(Double($0.record.work.bytesWritten)) }),
        Column("tiles visited", cells: tiles.map { Cell($0.map(\.visited)) }),
        Column("full", cells: tiles.map { Cell($0.map(\.full)) }),
        Column("of", cells: tiles.map { Cell($0.map(\.total)) }),
        Column(
          "counted as planned", isNumeric: false,
          cells: rows.map { Cell(text: $0.record.counts.agree.map { $0 ? "yes" : "NO" }) }),
      ])
  }

  /// Counters that were read in at least one case; a case without one is absent with its reason.
  static func counters(_ rows: [NumberedRecord]) -> Table {
    let columns = counterKinds(rows).map { kind in
      Column(
        kind.heading,
        rows.map { row in
          row.record.counters.first { kind.matches($0) }?.value
            ?? .absent(reason: "the counter was not asked for in this case")
        }, style: NumberText.exact)
    }
    return Table(columns: columns.isEmpty ? [] : key(rows) + columns)
  }

  /// Counters that no case could read, with the reasons.
  static func missingCounters(_ rows: [NumberedRecord]) -> [(name: String, reason: String)] {
    let read = Set(counterKinds(rows).map(\.name))
    var missing: [(name: String, reason: String)] = []
    for counter in rows.flatMap(\.record.counters) where !read.contains(counter.name) {
      guard let reason = counter.value.reason,
        !missing.contains(where: { $0.name == counter.name && $0.reason == reason })
      else { continue }
      missing.append((counter.name, reason))
    }
    return missing
  }

  private struct CounterKind: Hashable {
    let name: String
    let unit: String
    let source: String

    /// Name, unit and source; a bare count needs no unit.
    var heading: String {
      unit == "1" ? "\(name), \(source)" : "\(name) [\(unit)], \(source)"
    }

    func matches(_ counter: CounterRecord) -> Bool {
      counter.name == name && counter.unit == unit && counter.source == source
    }
  }

  private static func counterKinds(_ rows: [NumberedRecord]) -> [CounterKind] {
    var kinds: [CounterKind] = []
    for counter in rows.flatMap(\.record.counters) where counter.value.value != nil {
      let kind = CounterKind(name: counter.name, unit: counter.unit, source: counter.source)
      if !kinds.contains(kind) { kinds.append(kind) }
    }
    return kinds
  }
}
