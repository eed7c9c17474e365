// SPDX-License-Identifier: MIT

import ArgumentParser
import Foundation
import Measurement
import Simulator

/// Measured roofs of this host, and built-in machines.
struct MachineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "machine", abstract: "Probe this host or show a built-in machine.",
    subcommands: [Probe.self, Show.self], defaultSubcommand: Probe.self)

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
      abstract: "Print a built-in machine: every number with its source and quality.")

    @Argument(help: "Id of the machine; `attnbench list machines` shows all.")
    var id: String

    func run() throws {
      print(try BuiltInMachines.text(id: id), terminator: "")
    }
  }
}
