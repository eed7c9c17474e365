// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

extension SimulationReport {
  /// Heading, bounds and tiles of the report for a terminal.
  public var lines: [String] {
    var lines = [
      "\(mechanism) at \(shape)", "",
      "FLOP bound        \(Self.text(flopBound))", "Tile bound        \(Self.text(tileBound))",
      "Worst-tile bound  \(Self.text(worstTileBound))",
      "Attended pairs    \(Self.text(attendedPairs)) of one head",
    ]
    if let visited = tilesVisited.value, let total = tilesTotal.value, let full = tilesFull.value,
      let worst = tilesWorst.value, let sparse = perfectlyBlockSparse.value
    {
      lines += [
        "Tiles             \(visited) of \(total) visited, \(full) full, at most \(worst) per "
          + "query tile (\(Self.text(tiles)))",
        "Block sparse      \(sparse ? "perfectly" : "no")",
      ]
    }
    if let expected {
      lines.append(
        String(
          format: "Expected tiles    %.0f of %d of dense causal attention (bound %.4g) if ",
          expected.tilesVisited, expected.denseTiles, expected.tileBound) + expected.assumption)
    }
    return lines
  }

  /// Headings of ``machineRows``.
  public static let machineColumns = [
    "machine", "roofline bound", "floor", "dense floor", "ceiling", "precision", "faster from",
    "unpriced",
  ]

  /// One row per machine.
  public var machineRows: [[String]] {
    machines.map { machine in
      [
        machine.machine, Self.text(machine.rooflineBound),
        String(format: "%.4g ms", machine.seconds * 1e3),
        String(format: "%.4g ms", machine.denseSeconds * 1e3), Self.text(machine.bindingCeiling),
        "\(machine.precision)/\(machine.densePrecision)",
        machine.efficiencyLength.value.map { "\($0) tokens" } ?? "n/a",
        machine.unpriced.joined(separator: ", "),
      ]
    }
  }

  /// Reasons for what ``machineRows`` call n/a, each once.
  public var machineNotes: [String] {
    var notes: [String] = []
    for machine in machines {
      guard let reason = machine.efficiencyLength.reason else { continue }
      let note = "faster from: n/a on \(machine.machine), \(reason)"
      if !notes.contains(note) { notes.append(note) }
    }
    return notes
  }

  private static func text(_ quantity: Quantity) -> String {
    switch quantity {
    case .value(let number): String(format: "%.4g", number)
    case .absent(let reason): "n/a: \(reason)"
    }
  }

  private static func text<Value>(_ known: Known<Value>) -> String {
    switch known {
    case .value(let value): "\(value)"
    case .absent(let reason): "n/a: \(reason)"
    }
  }
}
