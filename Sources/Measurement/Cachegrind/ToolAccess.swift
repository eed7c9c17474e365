// SPDX-License-Identifier: MIT

import Foundation

/// How another program ended, and what it wrote.
public struct ToolOutcome: Hashable, Sendable {
  public enum End: Hashable, Sendable {
    case exited(Int32)
    case killed(signal: Int32)
    /// The program could not be started.
    case notStarted(reason: String)
  }

  public let end: End
  public let output: String
  public let errors: String

  public init(end: End, output: String = "", errors: String = "") {
    self.end = end
    self.output = output
    self.errors = errors
  }

  /// Why the program did not do its work, or nil if it ended well.
  public var failure: String? {
    switch end {
    case .exited(0): nil
    case .exited(let code): "it ended with code \(code)" + lastWords
    case .killed(let signal): "it was killed by signal \(signal)"
    case .notStarted(let reason): "it could not be started: \(reason)"
    }
  }

  private var lastWords: String {
    guard let line = errors.split(separator: "\n").last(where: { !$0.isEmpty }) else { return "" }
    return ": \(line)"
  }
}

/// Other programs that a measurement needs; a test puts its own in place.
public protocol ToolAccess {
  /// The path of an installed program, or nil.
  func path(of name: String) -> String?
  /// Runs a program to its end; nil for `environment` passes on this process's own.
  func run(_ path: String, _ arguments: [String], environment: [String: String]?) -> ToolOutcome
}

/// The programs of this system.
public struct SystemTools: ToolAccess, Sendable {
  private let folders: [String]

  public init(folders: [String] = ["/usr/local/bin", "/usr/bin", "/bin"]) {
    self.folders = folders
  }

  public func path(of name: String) -> String? {
    folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  public func run(
    _ path: String, _ arguments: [String], environment: [String: String]?
  ) -> ToolOutcome {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    if let environment { process.environment = environment }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    // A file, because a pipe that nobody reads would stop a program with much to say.
    let log = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-\(UUID().uuidString).log")
    guard FileManager.default.createFile(atPath: log.path, contents: nil),
      let errors = try? FileHandle(forWritingTo: log)
    else { return ToolOutcome(end: .notStarted(reason: "no temporary file can be made")) }
    defer { try? FileManager.default.removeItem(at: log) }
    process.standardError = errors
    do {
      try process.run()
    } catch {
      return ToolOutcome(end: .notStarted(reason: error.localizedDescription))
    }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    try? errors.close()
    let said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
    let status = process.terminationStatus
    return ToolOutcome(
      end: process.terminationReason == .exit ? .exited(status) : .killed(signal: status),
      output: text, errors: said)
  }
}
