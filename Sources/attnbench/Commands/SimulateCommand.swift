// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import AttentionMechanisms
import Foundation
import ResultStore
import Simulator
import SuiteRunner

/// Bounds without timing.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Compute the bounds of a suite or of one mechanism on any machine; nothing is timed.",
    discussion: """
        attnbench simulate Suites/gna-paper.yaml
        attnbench simulate neighborhood --grid 30x48x80 --set window=18x24x24 \
      --query-tile 4x8x8 --key-tile 2x8x8 --machine b200 --format json
      """)

  @Argument(help: "A suite file or the id of a mechanism.")
  var subject: String
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var shapeOptions: ShapeOptions

  @Option(name: .customLong("machine"), help: "Machines to price on; repeatable.")
  var machines: [String] = []
  @Option(help: "Tokens per axis of a query tile.")
  var queryTile: Extents?
  @Option(help: "Tokens per axis of a key tile.")
  var keyTile: Extents?
  @Option(help: "Tiling: static, dynamic or flat.")
  var tiling = Tiling.static
  @Option(help: "table or json.")
  var format = ListFormat.table

  func run() throws {
    if subject.hasSuffix(".yaml") || subject.hasSuffix(".yml") {
      let options = try SuiteOptions.parse([subject])
      try SuiteExecution(
        suiteOptions: options, kernelOptions: try KernelOptions.parse(["--threads", "1"]),
        depth: .simulate, dryRun: false, resume: nil, name: nil, output: "Results/runs"
      ).run()
      return
    }
    let report = try SimulationReport(
      id: subject, overrides: try parameters.overrides(), shape: try shapeOptions.shape(),
      machines: try pricedMachines(), tiles: try tiles, tiling: tiling)
    print(format == .json ? try report.json : try report.table)
  }

  private var tiles: TilePair? {
    get throws {
      switch (queryTile, keyTile) {
      case (nil, nil): return nil
      case (let query?, let key?): return TilePair(query: query, key: key)
      default: throw Refusal.usage("--query-tile and --key-tile belong together")
      }
    }
  }

  private func pricedMachines() throws -> [Machine] {
    let ids = machines.isEmpty ? ["h100", "b200", "zen5"] : machines
    guard ids.contains(BoundsRecord.host) else {
      return try ids.map { try BuiltInMachines.machine(id: $0) }
    }
    let host = try HostContext(
      options: try KernelOptions.parse([]), probes: true, note: StandardError.note)
    return try host.machines(ids)
  }
}

extension Tiling: ExpressibleByArgument {}

/// The bounds of one mechanism as text.
struct SimulationReport {
  private let id: String
  private let plan: Plan
  private let dense: Plan
  private let figures: TileFigures?
  private let machines: [Machine]

  init(
    id: String, overrides: [String: String], shape: AttentionShape, machines: [Machine],
    tiles: TilePair?, tiling: Tiling
  ) throws {
    self.id = id
    self.machines = machines
    plan = try MechanismCatalogue.entry(id).make(overrides, shape: shape).plan
    dense = try Flash(NoParameters(), shape: shape.with(grid: .some(nil))).plan
    guard case .attend(let stage) = plan.stages.first else {
      guard tiles == nil else {
        throw Refusal.usage("'\(id)' has no mask that is known before the data, so no tiles")
      }
      figures = nil
      return
    }
    let rank: Int
    if case .neighborhood(let mask) = stage.rule { rank = mask.axes.count } else { rank = 1 }
    let tiles = tiles ?? Self.defaultTiles(rank: rank)
    figures = try TileCounter.figures(
      rule: stage.rule, shape: plan.shape, tiles: tiles, tiling: tiling)
  }

  /// 32 queries by 8 keys along the last axis: the tiles of this project's kernels.
  private static func defaultTiles(rank: Int) -> TilePair {
    let ones = [Int](repeating: 1, count: rank - 1)
    return TilePair(query: Extents(ones + [32]), key: Extents(ones + [8]))
  }

  private var flopBound: Double? {
    if let figures { return figures.flopBound }
    let own = plan.operations.products
    return own > 0 ? Double(dense.operations.products) / Double(own) : nil
  }

  private var bounds: [(machine: Machine, own: RooflineFloor, dense: RooflineFloor)] {
    get throws {
      try machines.map { ($0, try plan.floor(on: $0), try dense.floor(on: $0)) }
    }
  }

  var json: String {
    get throws {
      var object: [String: Any] = [
        "schema": "attnbench/1", "mechanism": id, "shape": plan.shape.description,
        "machines": try bounds.map { bound in
          [
            "machine": bound.machine.id, "seconds": bound.own.seconds,
            "denseSeconds": bound.dense.seconds,
            "rooflineBound": bound.dense.seconds / bound.own.seconds,
            "bindingCeiling": bound.own.binding?.label ?? "nothing is priced",
            "precision": bound.own.repricedPrecision?.rawValue ?? plan.precisionName,
            "unpriced": bound.own.unpriced.map(\.rawValue),
          ] as [String: Any]
        },
      ]
      if let flopBound { object["flopBound"] = flopBound }
      if let figures {
        object["attendedPairs"] = figures.attendedPairs
        object["tilesTotal"] = figures.tilesTotal
        object["tilesVisited"] = figures.tilesVisited
        object["tilesFull"] = figures.tilesFull
        object["tilesWorst"] = figures.tilesWorst
        object["tileBound"] = figures.tileBound
        object["worstTileBound"] = figures.worstTileBound
        object["perfectlyBlockSparse"] = figures.isPerfectlyBlockSparse
      }
      let data = try JSONSerialization.data(
        withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
      return String(decoding: data, as: UTF8.self)
    }
  }

  var table: String {
    get throws {
      var lines = ["\(id) at \(plan.shape)", ""]
      if let flopBound { lines.append(String(format: "FLOP bound        %.4g", flopBound)) }
      if let figures {
        lines += [
          String(format: "Tile bound        %.4g", figures.tileBound),
          String(format: "Worst-tile bound  %.4g", figures.worstTileBound),
          "Attended pairs    \(figures.attendedPairs)",
          "Tiles             \(figures.tilesVisited) of \(figures.tilesTotal) visited, "
            + "\(figures.tilesFull) full, at most \(figures.tilesWorst) per query tile",
          "Block sparse      \(figures.isPerfectlyBlockSparse ? "perfectly" : "no")",
        ]
      } else {
        lines.append("Tile bounds       n/a: no mask that is known before the data")
      }
      lines.append("")
      let rows = try bounds.map { bound in
        [
          bound.machine.id, String(format: "%.4g", bound.dense.seconds / bound.own.seconds),
          String(format: "%.4g ms", bound.own.seconds * 1e3),
          String(format: "%.4g ms", bound.dense.seconds * 1e3),
          bound.own.binding?.label ?? "nothing is priced",
          bound.own.repricedPrecision?.rawValue ?? plan.precisionName,
          bound.own.unpriced.map(\.rawValue).joined(separator: ", "),
        ]
      }
      let listing = Listing(
        subject: "bounds",
        columns: [
          "machine", "roofline bound", "floor", "dense floor", "ceiling", "precision", "unpriced",
        ], rows: rows)
      return lines.joined(separator: "\n") + "\n" + listing.text(.table)
    }
  }
}
