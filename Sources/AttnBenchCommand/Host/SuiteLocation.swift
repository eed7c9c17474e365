// SPDX-License-Identifier: MIT

import Foundation

/// Where a suite lies: a path, or the name of one that came with the program.
enum SuiteLocation {
  /// Folders of suites, nearest first: this folder's, then those beside an installed binary.
  static var folders: [String] {
    let binary = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    let program = Bundle.main.executableURL ?? binary
    let installed = program.deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("share/attnbench/Suites").path
    return ["Suites", installed].filter { FileManager.default.fileExists(atPath: $0) }
  }

  /// The path of `name`: itself where such a file exists, else `name.yaml` in one of ``folders``.
  static func path(of name: String) -> String {
    guard !FileManager.default.fileExists(atPath: name), !name.contains("/") else { return name }
    let file = name.hasSuffix(".yaml") ? name : name + ".yaml"
    return folders.map { "\($0)/\(file)" }
      .first { FileManager.default.fileExists(atPath: $0) } ?? name
  }
}
