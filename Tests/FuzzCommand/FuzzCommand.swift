// SPDX-License-Identifier: MIT

import Foundation
import HostileInput

/// Millions of inputs per parser, read in child processes so that a trap costs one input.
///
/// `attnbench-fuzz [--parser NAME,...] [--count N] [--seed S] [--findings FOLDER] [--seconds T]`;
/// with `--write FOLDER` the inputs are written there instead of read.
struct FuzzCommand {
  private let arguments: [String]

  init(_ arguments: [String]) {
    self.arguments = arguments
  }

  func run() -> Int32 {
    if arguments.dropFirst().first == "--worker" {
      return FuzzWorker(Array(arguments.dropFirst(2)))?.run() ?? 2
    }
    var options = [
      "--count": "1000000", "--seed": "1", "--findings": ".build/fuzz", "--parser": "",
      "--seconds": "1e9", "--write": "",
    ]
    var rest = arguments.dropFirst()
    while let name = rest.popFirst() {
      guard options[name] != nil, let value = rest.popFirst() else { return usage() }
      options[name] = value
    }
    guard let count = options["--count"].flatMap({ Int($0) }), count > 0,
      let seed = options["--seed"].flatMap({ UInt64($0) }), let folder = options["--findings"],
      let seconds = options["--seconds"].flatMap({ Double($0) }), seconds > 0
    else { return usage() }
    let chosen = Set((options["--parser"] ?? "").split(separator: ",").map(String.init))
    let parsers = HostileParser.all.filter { chosen.isEmpty || chosen.contains($0.name) }
    guard !parsers.isEmpty, chosen.isSubset(of: HostileParser.all.map(\.name)) else {
      return usage()
    }
    if let target = options["--write"], !target.isEmpty {
      return write(parsers, count: count, seed: seed, to: target)
    }
    let campaign = FuzzCampaign(
      program: arguments[0], seed: seed, count: count, findings: folder, timeLimit: seconds)
    return parsers.map { campaign.run($0) }.allSatisfy { $0 == 0 } ? 0 : 1
  }

  /// Writes the first inputs of each parser into files that are named after parser and number.
  private func write(
    _ parsers: [HostileParser], count: Int, seed: UInt64, to folder: String
  ) -> Int32 {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for parser in parsers {
        for index in 0..<count {
          let file = URL(fileURLWithPath: "\(folder)/\(parser.name)-\(seed)-\(index)")
          try Data(parser.input(seed: seed, index: index)).write(to: file)
        }
      }
      return 0
    } catch {
      FileHandle.standardError.write(Data("attnbench-fuzz: \(error)\n".utf8))
      return 1
    }
  }

  private func usage() -> Int32 {
    let names = HostileParser.all.map(\.name).joined(separator: " ")
    let text = """
      usage: attnbench-fuzz [--parser NAME,...] [--count N] [--seed S] [--findings FOLDER]
                            [--seconds T] [--write FOLDER]
      parsers: \(names)

      """
    FileHandle.standardError.write(Data(text.utf8))
    return 2
  }
}
