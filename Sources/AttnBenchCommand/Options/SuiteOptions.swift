// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import Configuration
import SuiteRunner

/// Which cases of a suite to take.
struct SuiteOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "The suite: a file, or the name of one that came with the program, such as card.",
      valueName: "suite"),
    completion: .file(extensions: ["yaml", "yml"]))
  var suiteName: String

  /// The path of the suite's file.
  var suite: String { SuiteLocation.path(of: suiteName) }

  @Option(name: .customLong("filter"), help: "Take only cases whose id contains this; repeatable.")
  var filters: [String] = []

  @Option(help: ArgumentHelp("Take every n-th case, from the i-th on.", valueName: "i/n"))
  var shard: String?

  @Option(help: "Begin no case after this many seconds.")
  var timeLimit: Double?

  @Option(
    help: ArgumentHelp(
      "Skip cases that need more memory than this, such as 8 GiB.", valueName: "size"))
  var memoryLimit: String?

  /// The limit in bytes.
  func memoryLimitBytes() throws -> Int? {
    guard let memoryLimit else { return nil }
    do {
      let document = try ConfigurationDocument(text: memoryLimit, file: "--memory-limit")
      return try document.root.byteCount(in: 1...Int.max)
    } catch {
      let problem = error.errors.first.map { "\($0.problem)" } ?? "write a size"
      throw Refusal.usage("--memory-limit \(memoryLimit): \(problem)")
    }
  }

  @Option(help: "Seed of all random streams; overrides the suite's.")
  var seed: UInt64?

  func runOptions() throws -> SuiteRun.Options {
    var options = SuiteRun.Options()
    options.filters = filters
    options.timeLimit = timeLimit
    guard let shard else { return options }
    let parts = shard.split(separator: "/").compactMap { Int($0) }
    guard parts.count == 2, parts[1] >= 1, (1...parts[1]).contains(parts[0]) else {
      throw Refusal.usage("--shard \(shard): write i/n with 1 <= i <= n, such as 2/4")
    }
    options.shard = (parts[0] - 1, parts[1])
    return options
  }

  func seed(of suite: Suite) -> Seed { seed.map { Seed($0) } ?? suite.seed }
}
