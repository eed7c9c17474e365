// SPDX-License-Identifier: MIT

import Configuration

/// The machines that a name can mean: files of the user's folders, then the built-in ones.
public struct MachineLibrary: Hashable, Sendable {
  /// Searched in this order; a file hides a built-in machine of the same name.
  public let folders: [String]

  public init(folders: [String] = []) {
    self.folders = folders
  }

  /// Ids of all machines, those of files first.
  public var ids: [String] {
    var ids: [String] = []
    for id in fileIDs + BuiltInMachines.ids where !ids.contains(id) { ids.append(id) }
    return ids
  }

  /// Where the machine `name` is described; a name that ends in `.yaml` or `.yml` is a path.
  ///
  /// - Throws: ``SimulatorError/unknownMachine(id:known:)`` with the machines of all places.
  public func source(_ name: String) throws(SimulatorError) -> MachineSource {
    if case .file(let path) = MachineSource(name) { return .file(path: path) }
    for folder in folders {
      let file = ConfigurationFolder(folder).files.first { MachineSource.id(ofFile: $0) == name }
      if let file { return .file(path: folder + "/" + file) }
    }
    guard BuiltInMachines.ids.contains(name) else {
      throw .unknownMachine(id: name, known: ids)
    }
    return .builtIn(id: name)
  }

  /// The machine `name`.
  ///
  /// - Throws: ``SimulatorError/unknownMachine(id:known:)``, or a `ConfigurationFailure` if the
  ///   file cannot be read or breaks a rule.
  public func machine(_ name: String) throws -> Machine { try source(name).machine() }

  private var fileIDs: [String] {
    folders.flatMap { ConfigurationFolder($0).files }.map(MachineSource.id(ofFile:))
  }
}
