// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// The built binary in a folder of its own.
struct Command {
  struct Result {
    let code: Int32
    let output: String
    let errors: String
  }

  /// Everything that the test writes.
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  func remove() {
    try? FileManager.default.removeItem(at: folder)
  }

  /// The package's own folder.
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The binary of the build that these tests belong to.
  static var binary: URL {
    get throws {
      let here = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
      let places = [
        here, root.appendingPathComponent(".build/release"),
        root.appendingPathComponent(".build/debug"),
      ].map { $0.appendingPathComponent("attnbench") }
      return try #require(
        places.first { FileManager.default.isExecutableFile(atPath: $0.path) },
        "the attnbench binary is built beside its tests")
    }
  }

  /// The binary with `arguments`, to be started in the test's folder.
  func process(_ arguments: [String]) throws -> Process {
    let process = Process()
    process.executableURL = try Self.binary
    process.arguments = arguments
    process.currentDirectoryURL = folder
    return process
  }

  /// Runs the binary with `arguments` in the test's folder.
  func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Result {
    try run(arguments: arguments, environment: environment)
  }

  /// Runs the binary with a list of arguments in the test's folder.
  func run(arguments: [String], environment: [String: String] = [:]) throws -> Result {
    let process = try process(arguments)
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let outputFile = folder.appendingPathComponent("stdout-\(UUID().uuidString)")
    let errorFile = folder.appendingPathComponent("stderr-\(UUID().uuidString)")
    for file in [outputFile, errorFile] {
      try Data().write(to: file)
    }
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = try FileHandle(forWritingTo: errorFile)
    try process.run()
    process.waitUntilExit()
    return Result(
      code: process.terminationStatus,
      output: try String(contentsOf: outputFile, encoding: .utf8),
      errors: try String(contentsOf: errorFile, encoding: .utf8))
  }

  func path(_ name: String) -> String {
    folder.appendingPathComponent(name).path
  }

  func write(_ text: String, to name: String) throws {
    try text.write(toFile: path(name), atomically: true, encoding: .utf8)
  }
}
