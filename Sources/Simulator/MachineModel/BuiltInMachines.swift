// SPDX-License-Identifier: MIT

import Configuration

/// The machines whose files are part of the binary: those of the folder `Machines`.
public enum BuiltInMachines {
  public static var ids: [String] { MachineTexts.all.map(\.id) }

  /// The file of machine `id` as it is written.
  ///
  /// - Throws: ``SimulatorError/unknownMachine(id:known:)``.
  public static func text(id: String) throws(SimulatorError) -> String {
    guard let file = MachineTexts.all.first(where: { $0.id == id }) else {
      throw .unknownMachine(id: id, known: ids)
    }
    return file.text
  }

  /// The machine `id`.
  ///
  /// - Throws: ``SimulatorError/unknownMachine(id:known:)``, or a `ConfigurationFailure` if the
  ///   file breaks a rule.
  public static func machine(id: String) throws -> Machine {
    let text = try text(id: id)
    return try Machine(id: id, document: ConfigurationDocument(text: text, file: "\(id).yaml"))
  }
}
