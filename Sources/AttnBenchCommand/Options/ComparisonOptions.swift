// SPDX-License-Identifier: MIT

import ArgumentParser
import Comparison
import Foundation

/// A share such as `3 %`, `3%` or `0.03`.
struct Share: ExpressibleByArgument {
  let value: Double

  init(_ value: Double) { self.value = value }

  init?(argument: String) {
    let text = argument.filter { $0 != " " }
    let isPercent = text.hasSuffix("%")
    guard let number = Double(isPercent ? String(text.dropLast()) : text), number.isFinite,
      number >= 0
    else { return nil }
    value = isPercent ? number / 100 : number
  }
}

extension Share: CustomStringConvertible {
  var description: String { PercentText.plain(value) }
}

/// Which changes matter.
struct PolicyOptions: ParsableArguments {
  @Option(help: "Change of a time that matters, such as 3%.")
  var delta: Share?

  @Option(help: ArgumentHelp("Differences of times below this never matter.", valueName: "us"))
  var floor: Double?

  @Flag(help: "Judge by all pairs, even if other work disturbed one of the two builds alone.")
  var allowDisturbed = false

  func policy() throws -> ComparisonPolicy {
    var policy = ComparisonPolicy()
    if let delta {
      guard (0.001...10).contains(delta.value) else {
        throw Refusal.usage(
          "--delta \(PercentText.plain(delta.value)): give a change between 0.1 % and 1000 %, "
            + "such as 3%")
      }
      policy.timeDelta = delta.value
    }
    if let floor {
      guard (0...1e9).contains(floor) else {
        throw Refusal.usage("--floor \(floor): give microseconds from 0 to 1e9")
      }
      policy.floorNanoseconds = floor * 1000
    }
    policy.takesLopsidedPairs = allowDisturbed
    return policy
  }
}

/// Where a comparison goes beside standard output.
struct ComparisonOutput: ParsableArguments {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json, md
  }

  @Option(help: "Form of the result on standard output: text, json or md.")
  var format = Format.text

  @Option(help: "Append the summary as Markdown to this file, such as $GITHUB_STEP_SUMMARY.")
  var summary: String?

  @Option(help: "Write JUnit XML to this file.")
  var junit: String?

  /// Fails before any work if a file could not be written at the end.
  func check() throws {
    for file in [summary, junit].compactMap({ $0 }) {
      let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder),
        isFolder.boolValue
      else { throw Refusal.usage("'\(file)' cannot be written: there is no folder '\(folder)'") }
    }
  }

  /// Writes `report` everywhere and ends with its exit code.
  func conclude(_ report: ComparisonReport) throws {
    switch format {
    case .text: print(report.text, terminator: "")
    case .json: print(try report.json(), terminator: "")
    case .md: print(report.markdown, terminator: "")
    }
    if let junit { try Self.write(report.junit, to: junit) }
    if let summary { try Self.append(report.markdown, to: summary) }
    guard report.outcome.exitCode == 0 else { throw ExitCode(report.outcome.exitCode) }
  }

  private static func write(_ text: String, to file: String) throws {
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
    } catch {
      throw Refusal(
        message: "'\(file)' cannot be written: \(error.localizedDescription)", code: 1)
    }
  }

  /// Job summaries are files that several steps add to.
  private static func append(_ text: String, to file: String) throws {
    let before = FileManager.default.contents(atPath: file) ?? Data()
    try write(String(decoding: before, as: UTF8.self) + text, to: file)
  }
}
