// SPDX-License-Identifier: MIT

import Foundation
import Simulator

/// Where users keep machine files of their own.
enum MachineFolders {
  /// The folders of `ATTNBENCH_MACHINES`, separated by colons, then `attnbench/machines` in the
  /// user's configuration folder, then the built-in machines.
  static var library: MachineLibrary {
    let environment = ProcessInfo.processInfo.environment
    let named = environment["ATTNBENCH_MACHINES"]?.split(separator: ":").map(String.init) ?? []
    let home = environment["HOME"].map { $0 + "/.config" }
    let configuration = environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? home
    return MachineLibrary(
      folders: named + (configuration.map { [$0 + "/attnbench/machines"] } ?? []))
  }
}
