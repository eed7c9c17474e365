// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
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
        attnbench simulate neighborhood --grid 30x48x80 --set window=18x24x24 \
      --query-tile 4x8x8 --key-tile 2x8x8 --search stride,tiles
      """)

  @Argument(help: "A suite file or the id of a mechanism.")
  var subject: String
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var shapeOptions: ShapeOptions

  @Option(
    name: .customLong("machine"),
    help: "Machines to price on, built in or a file such as mine.yaml; repeatable.")
  var machines: [String] = []
  @Option(help: "Tokens per axis of a query tile.")
  var queryTile: Extents?
  @Option(help: "Tokens per axis of a key tile.")
  var keyTile: Extents?
  @Option(help: "Tiling: static, dynamic or flat.")
  var tiling = Tiling.static
  @Option(
    help: ArgumentHelp(
      "List the strides and tile shapes that raise the worst-tile bound, cheapest first: stride, "
        + "tiles or stride,tiles. Tile shapes are searched where --query-tile is absent.",
      valueName: "what"))
  var search = ""
  @Option(help: "table, json or markdown.")
  var format = ListFormat.table

  func run() throws {
    if subject.hasSuffix(".yaml") || subject.hasSuffix(".yml") {
      let options = try SuiteOptions.parse([subject])
      try SuiteExecution(
        suiteOptions: options, kernelOptions: try KernelOptions.parse(["--threads", "1"]),
        counters: .none, depth: .simulate, dryRun: false, resume: nil, name: nil,
        output: "Results/runs"
      ).run()
      return
    }
    let subjects = try searched
    let query = SimulationQuery(
      mechanismID: subject, overrides: try parameters.overrides(), shape: try shapeOptions.shape(),
      machines: subjects.isEmpty ? try pricedMachines() : [], tiles: try tiles, tiling: tiling)
    try subjects.isEmpty
      ? show(SimulationReport(query)) : show(TileSearch(query, over: subjects))
  }

  private func show(_ report: SimulationReport) throws {
    guard format != .json else { return print(try report.json) }
    print(report.lines.joined(separator: "\n") + "\n")
    let listing = Listing(
      subject: "bounds", columns: SimulationReport.machineColumns, rows: report.machineRows)
    print(listing.text(format), terminator: "")
    for note in report.machineNotes { print(note) }
  }

  private func show(_ search: TileSearch) throws {
    guard format != .json else { return print(try search.json) }
    print("\(search.mechanism) at \(search.shape)\n")
    let listing = Listing(subject: "front", columns: TileSearch.columns, rows: search.rows)
    print(listing.text(format), terminator: "")
  }

  private var searched: Set<TileSearch.Subject> {
    get throws {
      Set(
        try search.split(separator: ",").map { word in
          guard let subject = TileSearch.Subject(rawValue: String(word)) else {
            throw Refusal.usage("--search \(word): give stride, tiles or stride,tiles")
          }
          return subject
        })
    }
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
    let host =
      ids.contains(BoundsRecord.host)
      ? try HostContext(
        options: try KernelOptions.parse([]), probes: true, note: StandardError.note
      ).machine() : nil
    return try ids.compactMap { name in
      name == BoundsRecord.host ? host : try MachineSource(name).machine()
    }
  }
}

extension Tiling: ExpressibleByArgument {}
