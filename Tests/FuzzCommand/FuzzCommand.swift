// SPDX-License-Identifier: MIT

import Foundation
import HostileInput

/// Millions of inputs per parser, read in child processes so that a trap costs one input.
///
/// `attnbench-fuzz [--parser NAME,...] [--count N] [--seed S] [--findings FOLDER] [--seconds T]`
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
      "--seconds": "1e9",
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
    let campaign = FuzzCampaign(
      program: arguments[0], seed: seed, count: count, findings: folder, timeLimit: seconds)
    return parsers.map { campaign.run($0) }.allSatisfy { $0 == 0 } ? 0 : 1
  }

  private func usage() -> Int32 {
    let names = HostileParser.all.map(\.name).joined(separator: " ")
    let text = """
      usage: attnbench-fuzz [--parser NAME,...] [--count N] [--seed S] [--findings FOLDER]
                            [--seconds T]
      parsers: \(names)

      """
    FileHandle.standardError.write(Data(text.utf8))
    return 2
  }
}
