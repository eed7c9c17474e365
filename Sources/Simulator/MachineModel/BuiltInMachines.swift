// SPDX-License-Identifier: MIT

import Configuration

/// The machines whose files are part of the binary.
public enum BuiltInMachines {
  /// One line per file of the folder `Machines`; a test compares the two.
  private static let files: [(id: String, bytes: [UInt8])] = [
    ("a100", PackageResources.a100_yaml),
    ("b200", PackageResources.b200_yaml),
    ("graviton4", PackageResources.graviton4_yaml),
    ("h100", PackageResources.h100_yaml),
    ("h200", PackageResources.h200_yaml),
    ("rtx4090", PackageResources.rtx4090_yaml),
    ("rtx5090", PackageResources.rtx5090_yaml),
    ("sapphire-rapids", PackageResources.sapphire_rapids_yaml),
    ("zen4", PackageResources.zen4_yaml),
    ("zen5", PackageResources.zen5_yaml),
  ]

  public static var ids: [String] { files.map(\.id) }

  /// The file of machine `id` as it is written.
  ///
  /// - Throws: ``SimulatorError/unknownMachine(id:known:)``.
  public static func text(id: String) throws(SimulatorError) -> String {
    guard let file = files.first(where: { $0.id == id }) else {
      throw .unknownMachine(id: id, known: ids)
    }
    return String(decoding: file.bytes, as: UTF8.self)
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
