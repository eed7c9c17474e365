// SPDX-License-Identifier: MIT

import ArgumentParser
import Foundation
import Measurement
import Reporting
import ResultStore
import Simulator
import SuiteRunner

/// Measured roofs of this host, and built-in machines.
struct MachineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "machine",
    abstract: "Probe this host, show a built-in machine, or test how small a change is visible.",
    subcommands: [Probe.self, Show.self, NoiseCommand.self], defaultSubcommand: Probe.self)

  struct Probe: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Measure multiply-add peaks, exponentials and bandwidths of this host.")

    @Flag(help: "Measure anew even if this host is in the cache.")
    var fresh = false
    @Option(help: "Cache file; default is attnbench/roofs.json in the user's cache folder.")
    var cache: String?

    func run() throws {
      let path = try cache ?? Self.defaultCache()
      let probe = HostProbe()
      let file = RoofCache(path: path)
      let note = { (progress: ProbeProgress) in
        StandardError.write("\r\u{1B}[K\(progress.completed)/\(progress.total) \(progress.label)")
      }
      let roofs: HostRoofs
      if fresh {
        roofs = try probe.run(progress: note)
        try file.store(roofs)
      } else {
        roofs = try probe.run(cache: file, progress: note)
      }
      StandardError.write("\r\u{1B}[K")
      print(Self.text(roofs), terminator: "")
    }

    static func defaultCache() throws -> String {
      let environment = ProcessInfo.processInfo.environment
      let root = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? ".") + "/.cache"
      let folder = root + "/attnbench"
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      return folder + "/roofs.json"
    }

    static func text(_ roofs: HostRoofs) -> String {
      let print = roofs.fingerprint
      var text = "\(print.brand) (\(print.slug)), fingerprint \(print.key)\n"
      for threads in roofs.threads {
        text += "\n\(threads.threads) thread\(threads.threads == 1 ? "" : "s")\n"
        let rows =
          threads.compute.map {
            [
              $0.kind.title, $0.instructions.rawValue,
              String(format: "%.1f G/s", $0.operationsPerSecond * 1e-9),
              String(format: "+-%.1f %%", $0.relativeDeviation * 100),
            ]
          }
          + threads.bandwidth.map {
            [
              "read " + $0.level.title, "",
              String(format: "%.1f GB/s", $0.readBytesPerSecond * 1e-9),
              String(format: "+-%.1f %%", $0.relativeDeviation * 100),
            ]
          }
        text += Listing(
          subject: "roofs", columns: ["roof", "instructions", "rate", "deviation"], rows: rows
        ).text(.table)
      }
      return text
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print a machine, every number with its source and quality, and draw its roofline.",
      discussion: """
          attnbench machine show h100
          attnbench machine show b200 --plot b200.svg
          attnbench machine show mine.yaml --plot mine.png
        """)

    @Argument(help: "Id of the machine, which `attnbench list machines` shows, or a YAML file.")
    var name: String
    @Option(help: "Draw its roofline into this file, .svg or .png, with gnuplot.")
    var plot: String?

    func run() throws {
      let source = try MachineFolders.library.source(name)
      let machine = try source.machine()
      let picture = try plot.map { path in
        guard let format = ImageFormat.allCases.first(where: { path.hasSuffix(".\($0.rawValue)") })
        else { throw Refusal.usage("--plot \(path): the name must end in .svg or .png") }
        return (path: path, format: format)
      }
      print(try Self.text(source), terminator: "")
      guard let picture else { return }
      try PlotRenderer().draw(
        MachinePlot(title: machine.title, ceilings: HostCeilings(machine)), as: picture.format,
        to: picture.path)
      StandardError.note("its roofline is drawn in \(picture.path)")
    }

    /// The machine's file as it is written.
    private static func text(_ source: MachineSource) throws -> String {
      switch source {
      case .builtIn(let id): try BuiltInMachines.text(id: id)
      case .file(let path): try String(contentsOfFile: path, encoding: .utf8)
      }
    }
  }
}
