// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import AttentionMechanisms
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
        attnbench simulate neighborhood --grid 30x48x80 --set window=18x24x24 \\
          --query-tile 4x8x8 --key-tile 2x8x8 --machine b200 --format json
        attnbench simulate neighborhood --grid 30x48x80 --set window=18x24x24 \\
          --query-tile 4x8x8 --key-tile 2x8x8 --search stride,tiles
        attnbench simulate flash --length 131072 --causal --heads 32 \\
          --head-dim 128 --devices 8 --partition striped --machine h100
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
  @Option(help: "Devices that share the sequence.")
  var devices: Int?
  @Option(
    help: ArgumentHelp(
      "How they share it: ring, striped, tree or lasp-2; lasp-2 for linear attention, else ring by "
        + "default."))
  var partition: Partition?
  @Option(help: "The link between the devices, as the machine's file names it; default its first.")
  var link: String?
  @Option(name: .customLong("filter"), help: "Of a suite, only cases whose id contains this.")
  var filters: [String] = []
  @Option(help: "Name of a suite's run; default is the suite's name and the time.")
  var name: String?
  @Option(help: "Folder of all runs, for a suite.")
  var output = "Results/runs"
  @Option(help: "table, json or markdown.")
  var format = ListFormat.table

  func run() throws {
    if subject.hasSuffix(".yaml") || subject.hasSuffix(".yml") {
      return try runSuite()
    }
    guard filters.isEmpty, name == nil else {
      throw Refusal.usage("--filter and --name are for suites; '\(subject)' is a mechanism")
    }
    let subjects = try searched
    let query = SimulationQuery(
      mechanismID: subject, overrides: try parameters.overrides(), shape: try shapeOptions.shape(),
      machines: subjects.isEmpty || !machines.isEmpty ? try pricedMachines() : [],
      tiles: try tiles, tiling: tiling, devices: try deviceGroup)
    try subjects.isEmpty
      ? show(SimulationReport(query)) : show(TileSearch(query, over: subjects))
  }

  /// The bounds of every case of a suite, as a run with a report.
  private func runSuite() throws {
    let own: [(name: String, isGiven: Bool)] = [
      ("--set", !parameters.settings.isEmpty), ("--query-tile", queryTile != nil),
      ("--key-tile", keyTile != nil), ("--search", !search.isEmpty), ("--devices", devices != nil),
      ("--length", shapeOptions.length != nil), ("--grid", shapeOptions.grid != nil),
      ("--format", format != .table),
    ]
    if let option = own.first(where: \.isGiven) {
      throw Refusal.usage(
        "\(option.name) is for one mechanism; a suite says itself what to simulate, and "
          + "`attnbench report RUN --format json` prints its results")
    }
    var options = try SuiteOptions.parse([subject])
    options.filters = filters
    var execution = SuiteExecution(
      suiteOptions: options, kernelOptions: try KernelOptions.parse(["--threads", "1"]),
      counters: .none, depth: .simulate, dryRun: false, resume: nil, name: name, output: output)
    execution.machines = machines
    try execution.run()
  }

  private func show(_ report: SimulationReport) throws {
    guard format != .json else { return print(try report.json) }
    print(report.lines.joined(separator: "\n") + "\n")
    let listing = Listing(
      subject: "bounds", columns: SimulationReport.machineColumns, rows: report.machineRows)
    print(listing.text(format), terminator: "")
    if let group = try deviceGroup, !report.deviceRows.isEmpty {
      print("\n\(group.count) devices, \(group.partition.rawValue)\n")
      let listing = Listing(
        subject: "devices", columns: SimulationReport.deviceColumns, rows: report.deviceRows)
      print(listing.text(format), terminator: "")
    }
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

  private var deviceGroup: SimulationQuery.DeviceGroup? {
    get throws {
      guard let devices else {
        guard partition == nil, link == nil else {
          throw Refusal.usage("--partition and --link need --devices")
        }
        return nil
      }
      guard devices >= 2 else {
        throw Refusal.usage("--devices \(devices): give at least 2, or leave the option out")
      }
      return SimulationQuery.DeviceGroup(
        count: devices, partition: partition ?? defaultPartition, link: link)
    }
  }

  /// Linear attention is the only kind that has states to gather.
  private var defaultPartition: Partition {
    let plan = try? MechanismCatalogue.entry(subject)
      .make(parameters.overrides(), shape: shapeOptions.shape()).plan
    switch plan?.stages.first {
    case .scan, .features: return .lasp2
    default: return .ring
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
    guard !machines.isEmpty else { return try usualMachines() }
    let ids = machines
    let host =
      ids.contains(BoundsRecord.host)
      ? try HostContext(
        options: try KernelOptions.parse([]), probes: true, note: StandardError.note
      ).machine() : nil
    let library = MachineFolders.library
    return try ids.compactMap { name in
      name == BoundsRecord.host ? host : try library.machine(name)
    }
  }

  /// The machines of a question that names none; tiles that one forbids leave it out.
  private func usualMachines() throws -> [Machine] {
    let tiles = try tiles
    return try ["h100", "b200", "zen5"].map(BuiltInMachines.machine).filter { machine in
      do {
        if let tiles { try machine.allow(tiles) }
        return true
      } catch {
        StandardError.note("\(machine.id) is left out: \(error)")
        return false
      }
    }
  }
}

extension Tiling: ExpressibleByArgument {}
extension Partition: ExpressibleByArgument {}
