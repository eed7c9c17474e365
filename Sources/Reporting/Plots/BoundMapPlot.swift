// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

/// Roofline bounds as a map: a row per mechanism, a column per machine.
///
/// A cell is the geometric mean over the mechanism's cases that have a bound on the machine.
enum BoundMapPlot {
  /// More rows than this cannot be read.
  private static let rowLimit = 48

  static func script(_ report: Report, output: PlotOutput) -> Known<String> {
    let machines = DetailTables.machineNames(report.resultRows)
    let cells = cells(report, machines: machines)
    guard !cells.isEmpty else { return .absent(reason: "no case has a roofline bound") }
    var names: [String] = []
    for cell in cells where !names.contains(cell.mechanism) { names.append(cell.mechanism) }
    let omitted = names.count > rowLimit ? " (first \(rowLimit) of \(names.count) mechanisms)" : ""
    names = Array(names.prefix(rowLimit))
    let rows = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    var script = PlotScript(
      output: output, frame: PlotFrame(mapRows: names),
      title: "Roofline bound, geometric mean over cases\(omitted)", x: "", y: "")
    setPlane(names, machines, bounds: cells.map(\.bound), in: &script)
    let drawn = cells.compactMap { cell in rows[cell.mechanism].map { (cell, Double($0)) } }
    script.plot(
      drawn.map { cell, row in
        let column = Double(cell.machine)
        return [column, row, column - 0.5, column + 0.5, row - 0.5, row + 0.5, cell.bound]
      },
      "using 1:2:3:4:5:6:7 with boxxyerror fillstyle solid noborder linecolor palette")
    for (cell, row) in drawn {
      script.addLabel(
        NumberText.significant(cell.bound), x: Double(cell.machine), y: row, alignment: "center",
        offset: "0,0")
    }
    return .value(script.text)
  }

  private struct MapCell {
    let mechanism: String
    /// Column.
    let machine: Int
    let bound: Double
  }

  private static func cells(_ report: Report, machines: [String]) -> [MapCell] {
    var cells: [MapCell] = []
    var order: [String] = []
    let rows = report.resultRows
    for row in rows where !order.contains(row.record.mechanism.id) {
      order.append(row.record.mechanism.id)
    }
    let groups = Dictionary(grouping: rows, by: \.record.mechanism.id)
    for id in order {
      for (column, machine) in machines.enumerated() {
        let logarithms = (groups[id] ?? []).compactMap { row in
          row.record.bounds.bound(on: machine).flatMap(\.roofline).value
        }.filter(LogAxis.isDrawable).map { log($0) }
        guard !logarithms.isEmpty else { continue }
        let mean = logarithms.reduce(0, +) / Double(logarithms.count)
        cells.append(MapCell(mechanism: id, machine: column, bound: exp(mean)))
      }
    }
    return cells
  }

  private static func setPlane(
    _ names: [String], _ machines: [String], bounds: [Double], in script: inout PlotScript
  ) {
    // Room on both sides of 1, so that every map has both colours.
    let colors = LogAxis.range(bounds + [0.5, 2], margin: 1.01)
    script.add("unset logscale")
    script.add("unset grid")
    script.add("unset key")
    script.add("set logscale cb")
    script.setAxis("cb", colors, ticks: LogAxis.decimalTicks(colors))
    // Light throughout, so that the numbers can be read: orange is slower than dense, blue faster.
    script.add(
      "set palette defined (\(PlotScript.number(log10(colors.lowerBound))) '#F4A582', 0 '#FFFFFF', "
        + "\(PlotScript.number(log10(colors.upperBound))) '#74ADD1')")
    script.add("set cblabel 'roofline bound over dense attention' offset 1.5,0")
    script.setNames("x", machines, reversed: false)
    script.setNames("y", names, reversed: true)
  }
}
