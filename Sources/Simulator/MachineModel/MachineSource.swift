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
      return try Machine(
        id: Self.id(ofFile: path), document: ConfigurationDocument(path: path))
    }
  }

  /// The id of the machine that the file at `path` describes: its name without the extension.
  static func id(ofFile path: String) -> String {
    let name = path.split(separator: "/").last ?? "machine"
    let id = name.split(separator: ".").dropLast().joined(separator: ".")
    return id.isEmpty ? "machine" : id
  }
}
