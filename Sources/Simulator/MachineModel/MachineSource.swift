// SPDX-License-Identifier: MIT

import Configuration

/// Where a machine's description is: in the binary, or in a file of the user's.
public enum MachineSource: Hashable, Sendable {
  case builtIn(id: String)
  /// A YAML file; the machine's id is its name without the extension.
  case file(path: String)

  /// A name that ends in `.yaml` or `.yml` is a file, any other the id of a built-in machine.
  public init(_ name: String) {
    self =
      name.hasSuffix(".yaml") || name.hasSuffix(".yml") ? .file(path: name) : .builtIn(id: name)
  }

  /// The machine.
  ///
  /// - Throws: ``SimulatorError/unknownMachine(id:known:)``, or a `ConfigurationFailure` if the
  ///   file cannot be read or breaks a rule.
  public func machine() throws -> Machine {
    switch self {
    case .builtIn(let id): return try BuiltInMachines.machine(id: id)
    case .file(let path):
      let name = path.split(separator: "/").last ?? "machine"
      let id = name.split(separator: ".").dropLast().joined(separator: ".")
      return try Machine(
        id: id.isEmpty ? "machine" : id, document: ConfigurationDocument(path: path))
    }
  }
}
