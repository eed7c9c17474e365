// SPDX-License-Identifier: MIT

import ResultStore

/// From which sequence length a mechanism beats dense attention, simulated and measured.
///
/// A row is a mechanism and setting that was run at more than one length. The length is one of
/// those that were run, so the true one lies between it and the next shorter.
enum EfficiencyLengths {
  static func table(_ rows: [NumberedRecord]) -> Table {
    let lines = lines(rows)
    guard !lines.isEmpty else { return Table(columns: []) }
    let machines = DetailTables.machineNames(rows)
    let simulated = machines.map { machine in
      Column(
        "simulated, \(machine)",
        cells: lines.map { line in
          cell(line.rows) { $0.record.bounds.bound(on: machine).flatMap(\.roofline) }
        })
    }
    let measured = Column(
      "measured on this host",
      cells: lines.map { line in
        cell(line.rows) { $0.timing(\.speedUpOverFlash).map(\.interval.low) }
      })
    return Table(
      columns: [
        Column("mechanism", isNumeric: false, cells: lines.map { .code($0.label) }),
        Column(
          "lengths", isNumeric: false,
          cells: lines.map { line in
            .text(line.rows.map { NumberText.count(length($0)) }.joined(separator: ", "))
          }),
      ] + simulated + [measured])
  }

  private typealias Line = (label: String, rows: [NumberedRecord])

  private static func length(_ row: NumberedRecord) -> Int { row.record.problem.shape.queryLength }

  /// Settings with more than one length, rows by length; dense attention is no candidate.
  private static func lines(_ rows: [NumberedRecord]) -> [Line] {
    let labels = SeriesLabels(rows.map(\.record))
    var lines: [Line] = []
    for row in rows where row.record.mechanism.id != "flash" {
      let label = labels.label(of: row.record)
      if let index = lines.firstIndex(where: { $0.label == label }) {
        lines[index].rows.append(row)
      } else {
        lines.append((label, [row]))
      }
    }
    return lines.filter { Set($0.rows.map(length)).count > 1 }.map { line in
      (line.label, line.rows.sorted { length($0) < length($1) })
    }
  }

  /// The shortest length from which on every known ratio is above 1.
  private static func cell(
    _ rows: [NumberedRecord], ratio: (NumberedRecord) -> Quantity
  ) -> Cell {
    let ratios = rows.map { (length: length($0), ratio: ratio($0)) }
    guard ratios.contains(where: { $0.ratio.value != nil }) else {
      return .absent(reason: ratios.first?.ratio.reason ?? "no length was run")
    }
    let known = ratios.compactMap { entry in entry.ratio.value.map { (entry.length, $0) } }
    let faster = known.reversed().prefix { $0.1 > 1 }
    guard let first = faster.last else {
      return .absent(reason: "not faster than dense attention at the longest length that was run")
    }
    let isShortest = first.0 == known.first?.0
    return .number((isShortest ? "<= " : "") + NumberText.count(first.0))
  }
}
