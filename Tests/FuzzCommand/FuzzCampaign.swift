// SPDX-License-Identifier: MIT

import Foundation
import HostileInput

/// Drives one parser through its inputs and saves every input that breaks a rule.
///
/// How far it came stands in a file beside the findings, so that a campaign that was stopped, even
/// killed, goes on where it was.
struct FuzzCampaign {
  let program: String
  let seed: UInt64
  let count: Int
  let findings: String
  /// Time for one parser [s].
  let timeLimit: Double

  /// CPU time that one input may take [s].
  static let secondsPerInput = 1.0
  /// After this many findings a parser is broken enough.
  private static let mostFindings = 20

  /// - Returns: how many inputs broke a rule, those of earlier parts of the campaign included.
  func run(_ parser: HostileParser) -> Int {
    try? FileManager.default.createDirectory(atPath: findings, withIntermediateDirectories: true)
    let file = "\(findings)/\(parser.name)-\(seed).progress"
    guard let progress = FuzzProgress(file: file) else {
      say("\(parser.name): '\(file)' cannot be mapped")
      return 1
    }
    let start = Date()
    let end = start.addingTimeInterval(timeLimit)
    let first = progress.index
    if first > 0 { say("\(parser.name): goes on at \(first); remove '\(file)' to begin anew") }
    while progress.index < count, progress.findings < Self.mostFindings, Date() < end {
      let next = progress.index
      guard let problem = attack(parser, from: next, until: end, progress) else { break }
      let at = progress.index
      save(parser, index: at, problem: problem)
      progress.countFinding()
      progress.begin(at + 1)
    }
    let seconds = Date().timeIntervalSince(start)
    let read = progress.accepted + progress.refused + progress.findings
    say(
      "\(parser.name): \(progress.accepted) read, \(progress.refused) refused, "
        + "\(progress.findings) findings; \(read) of \(count) inputs, seed \(seed), "
        + String(format: "%.0f s for the last %d", seconds, progress.index - first))
    return progress.findings
  }

  /// Lets a child read inputs from `first` on; what went wrong with the one it stopped at.
  private func attack(
    _ parser: HostileParser, from first: Int, until end: Date, _ progress: FuzzProgress
  ) -> String? {
    let child = Process()
    child.executableURL = URL(fileURLWithPath: program)
    // The runtime's backtrace is made by a child of the child, which outlives a kill and keeps the
    // pipe that says that the child ended.
    child.environment = ProcessInfo.processInfo.environment.merging(
      ["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    child.arguments = [
      "--worker", parser.name, "\(seed)", "\(first)", "\(count)", progress.file,
    ]
    let errors = Pipe()
    child.standardError = errors
    do { try child.run() } catch { return "no child: \(error)" }
    var at = progress.index
    var spent = Self.processorSeconds(child.processIdentifier)
    var lastWord = Date()
    var isHanging = false
    while child.isRunning {
      usleep(50_000)
      if Date() >= end {
        // Between two inputs or within one, which is read again by whoever goes on.
        kill(child.processIdentifier, SIGKILL)
        child.waitUntilExit()
        return nil
      }
      let now = Self.processorSeconds(child.processIdentifier)
      if progress.index != at {
        at = progress.index
        spent = now
      } else if now - spent > Self.secondsPerInput, at > first {
        isHanging = true
        kill(child.processIdentifier, SIGKILL)
        break
      } else if now - spent > 30 {
        // The first input waits for the corpus to be made.
        isHanging = true
        kill(child.processIdentifier, SIGKILL)
        break
      }
      if Date().timeIntervalSince(lastWord) > 30 {
        say("\(parser.name): \(at) of \(count)")
        lastWord = Date()
      }
    }
    child.waitUntilExit()
    let text = String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
    if isHanging { return "took more than \(Self.secondsPerInput) s of CPU time" }
    if child.terminationReason == .uncaughtSignal {
      return "ended by signal \(child.terminationStatus)\n\(text.prefix(2000))"
    }
    return child.terminationStatus == 0 ? nil : text
  }

  private func save(_ parser: HostileParser, index: Int, problem: String) {
    let folder = "\(findings)/\(parser.name)"
    try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let input = parser.input(seed: seed, index: index)
    try? Data(input).write(to: URL(fileURLWithPath: "\(folder)/\(seed)-\(index)"))
    say("\(parser.name): FINDING at input \(index), saved in \(folder): \(problem.prefix(600))")
  }

  /// User and system time of a process so far [s].
  private static func processorSeconds(_ process: Int32) -> Double {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return 0 }
    let fields = text[end...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
      return 0
    }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  private func say(_ text: String) {
    FileHandle.standardOutput.write(Data((text + "\n").utf8))
  }
}
