// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

extension SimulationReport {
  /// Heading, bounds and tiles of the report for a terminal.
  public var lines: [String] {
    var lines = [
      "\(mechanism) at \(shape)", "",
      "Baseline          \(baseline)", "FLOP bound        \(Self.text(flopBound))",
      "Tile bound        \(Self.text(tileBound))",
      "Worst-tile bound  \(Self.text(worstTileBound))",
      "Attended pairs    \(pairsText)",
    ]
    if let visited = tilesVisited.value, let dense = tilesDense.value, let full = tilesFull.value,
      let worst = tilesWorst.value, let sparse = perfectlyBlockSparse.value
    {
      lines += [
        "Tiles             \(visited) of \(dense) visited, \(full) full, at most \(worst) per "
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

  /// Attended pairs, and the bound over all pairs where the baseline is causal.
  private var pairsText: String {
    guard allPairs != densePairs, let bound = flopBoundOverAllPairs.value else {
      return Self.text(attendedPairs.map { "\($0) of \(allPairs) of one head" })
    }
    return Self.text(attendedPairs) + " of \(densePairs) causal ones "
      + String(format: "(1 in %.4g of all ", bound) + "\(allPairs)) of one head"
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
        machine.machine, machine.rooflineBound.value.map { String(format: "%.4g", $0) } ?? "n/a",
        Self.milliseconds(machine.seconds), Self.milliseconds(machine.denseSeconds),
        Self.text(machine.bindingCeiling),
        "\(machine.precision)/\(machine.densePrecision)",
        machine.efficiencyLength.value.map { "\($0) tokens" } ?? "n/a",
        machine.unpriced.joined(separator: ", "),
      ]
    }
  }

  /// Reasons for what ``machineRows`` call n/a, each once with its machines.
  public var machineNotes: [String] {
    var notes: [(reason: String, machines: [String])] = []
    func add(_ subject: String, _ reason: String?, _ machine: String) {
      guard let reason else { return }
      let text = "\(subject): n/a, \(reason)"
      if let index = notes.firstIndex(where: { $0.reason == text }) {
        notes[index].machines.append(machine)
      } else {
        notes.append((text, [machine]))
      }
    }
    for machine in machines {
      add("roofline bound", machine.rooflineBound.reason, machine.machine)
      add("faster from", machine.efficiencyLength.reason, machine.machine)
      add("several devices", machine.sequenceParallel?.reason, machine.machine)
    }
    let own = notes.map { note in
      note.machines.count == machines.count
        ? note.reason : note.reason + " (\(note.machines.joined(separator: ", ")))"
    }
    return own + self.notes.map { "note: " + $0 }
  }

  /// Headings of ``deviceRows``.
  public static let deviceColumns = [
    "machine", "link", "steps", "work/step", "bytes/message", "time/message", "exposed", "floor",
    "speed-up", "efficiency", "a step waits for", "messages bind from",
  ]

  /// One row per machine on which several devices were asked for.
  public var deviceRows: [[String]] {
    machines.compactMap { machine in
      guard let group = machine.sequenceParallel?.value else { return nil }
      return [
        machine.machine, group.link + (group.unpriced.isEmpty ? "" : " (no latency)"),
        "\(group.steps)", Self.milliseconds(group.workSecondsPerStep),
        String(format: "%.4g MB", group.bytesPerMessage * 1e-6),
        Self.milliseconds(group.secondsPerMessage), Self.milliseconds(group.exposedSeconds),
        Self.milliseconds(group.seconds), String(format: "%.4g", group.speedUp),
        String(format: "%.0f %%", group.efficiency * 100), group.binding,
        group.communicationBindsFrom.value.map { "\($0) devices" } ?? "never",
      ]
    }
  }

  private static func milliseconds(_ seconds: Double) -> String {
    String(format: "%.4g ms", seconds * 1e3)
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
