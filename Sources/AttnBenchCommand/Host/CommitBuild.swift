// SPDX-License-Identifier: MIT

import Foundation

/// Builds a commit of the checkout in the working folder, in a worktree of its own.
///
/// Worktrees stay below `.build/commits`, so that the same commit is built once.
struct CommitBuild {
  private static let root = ".build/commits"
  private static let product = "attnbench"

  /// The full hash that `reference` stands for; nil if the working folder knows none.
  static func commit(_ reference: String) -> String? {
    guard !reference.hasPrefix("-") else { return nil }
    let result = try? run(
      "git", ["rev-parse", "--verify", "--quiet", "\(reference)^{commit}"], log: nil)
    guard let result, result.code == 0 else { return nil }
    let text = result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    return text.isEmpty ? nil : text
  }

  /// The build of `reference`, made now unless it is there.
  ///
  /// - Throws: ``Refusal`` for an unknown commit or one that does not build.
  static func make(_ reference: String, option: String, note: (String) -> Void) throws -> Build {
    guard let commit = commit(reference) else {
      throw Refusal.usage(
        "\(option) \(reference): git knows no such commit here; run in a checkout of the project")
    }
    let short = String(commit.prefix(12))
    let folder = "\(root)/\(short)"
    let binary = "\(folder)/.build/release/\(product)"
    let stamp = "\(root)/\(short).built"
    let files = FileManager.default
    if !files.fileExists(atPath: stamp) || !files.isExecutableFile(atPath: binary) {
      try files.createDirectory(atPath: root, withIntermediateDirectories: true)
      note("building commit \(short); the log is \(root)/\(short).log")
      try build(commit, folder: folder, log: "\(root)/\(short).log")
      try Data().write(to: URL(fileURLWithPath: stamp))
    }
    return Build(binary: URL(fileURLWithPath: binary).path, name: short)
  }

  private static func build(_ commit: String, folder: String, log: String) throws {
    if !FileManager.default.fileExists(atPath: folder) {
      // A worktree whose folder was removed by hand still counts as taken.
      _ = try run("git", ["worktree", "prune"], log: nil)
      try expect(try run("git", ["worktree", "add", "--detach", folder, commit], log: log), log)
    }
    let build = ["swift", "build", "-c", "release", "--product", product, "--package-path", folder]
    let command = endsWithUs + build
    try expect(try run(command[0], Array(command.dropFirst()), log: log), log)
  }

  /// What makes a program end with this process: `Process` starts children in process groups of
  /// their own, which neither a terminal's interrupt nor a time limit reaches.
  private static var endsWithUs: [String] {
    FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")
      ? ["setpriv", "--pdeathsig", "INT"] : []
  }

  private static func expect(_ result: (code: Int32, output: String), _ log: String) throws {
    guard result.code != 0 else { return }
    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    let tail = text.split(separator: "\n").suffix(5).joined(separator: "\n")
    throw Refusal(message: "the commit could not be built; \(log) ends with\n\(tail)", code: 1)
  }

  /// Runs a program of the search path; its output goes to `log`, or is returned without one.
  private static func run(
    _ program: String, _ arguments: [String], log: String?
  ) throws -> (code: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let pipe = Pipe()
    if let log {
      try Data().write(to: URL(fileURLWithPath: log))
      let handle = FileHandle(forWritingAtPath: log)
      process.standardOutput = handle
      process.standardError = handle
    } else {
      process.standardOutput = pipe
      process.standardError = FileHandle.nullDevice
    }
    try process.run()
    let output = log == nil ? pipe.fileHandleForReading.readDataToEndOfFile() : Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
