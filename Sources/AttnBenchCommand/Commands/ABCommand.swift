// SPDX-License-Identifier: MIT

import ArgumentParser
import SuiteRunner

/// Two builds on one suite, block by block in turns.
struct ABCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ab",
    abstract: "Compare two builds, paired and interleaved.",
    discussion: """
      Processes of both builds take turns on every case, block by block in random order, in \
      several fresh sets of processes. Undecided and slower cases are measured again with twice as \
      many; only a case that is slower twice is a regression.

        attnbench ab --base old/attnbench --head .build/release/attnbench \\
          Suites/gate.yaml
        attnbench ab --base-commit main --head-commit HEAD Suites/gate.yaml
      """)

  @Argument(help: "The suite file.", completion: .file(extensions: ["yaml", "yml"]))
  var suite: String
  @Option(help: "Binary to compare with.")
  var base: String?
  @Option(help: "Binary that is judged; default is this one.")
  var head: String?
  @Option(help: "Commit to build and compare with.")
  var baseCommit: String?
  @Option(help: "Commit to build and judge.")
  var headCommit: String?
  @Option(help: "Cases that carry an A/A control and a planted slowdown.")
  var controls = 1
  @OptionGroup var gate: GateOptions
  @OptionGroup var output: ComparisonOutput

  func run() throws {
    try output.check()
    BLASCore.correct(note: StandardError.note)
    guard base != nil || baseCommit != nil else {
      throw Refusal.usage("give --base BINARY or --base-commit COMMIT to compare with")
    }
    let left = try build(base, baseCommit, "base")
    let right = try build(head, headCommit, "head")
    let plan = try gate.plan(
      suite, baseline: .build(binary: left.binary), head: right.binary, controls: controls)
    try output.conclude(
      gate.run(plan, command: "ab", base: left.name, head: right.name))
  }

  private func build(_ file: String?, _ commit: String?, _ side: String) throws -> Build {
    switch (file, commit) {
    case (.some, .some):
      throw Refusal.usage("give --\(side) or --\(side)-commit, not both")
    case (let file?, nil): try Build.file(file, option: "--\(side)")
    case (nil, let commit?):
      try CommitBuild.make(commit, option: "--\(side)-commit", note: StandardError.note)
    case (nil, nil): try Build.own()
    }
  }
}
