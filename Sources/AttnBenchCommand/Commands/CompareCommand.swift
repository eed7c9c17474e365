// SPDX-License-Identifier: MIT

import ArgumentParser
import Comparison
import ResultStore

/// The comparison of two stored runs.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare two stored runs: ratios with intervals and a verdict per case.",
    discussion: """
      A side is the folder of a run, or a folder that holds several runs of the same suite. The \
      sides were measured at different times, so ratios to the flash that ran beside each case are \
      compared; several runs on a side show how runs differ. Work is compared exactly.

        attnbench compare Results/runs/card-monday Results/runs/card-tuesday
        attnbench compare nights/before nights/after --junit compare.xml

      Exit codes: 0 nothing is worse; 3 something is; 4 a kernel of HEAD is wrong; 5 a case may be \
      slower, but the runs cannot tell; 6 less than 90 % of the cases can be compared.
      """)

  @Argument(help: "Folder of the run to compare with.", completion: .directory)
  var base: String
  @Argument(help: "Folder of the run that is judged.", completion: .directory)
  var head: String
  @OptionGroup var policyOptions: PolicyOptions
  @OptionGroup var output: ComparisonOutput

  func run() throws {
    try output.check()
    let policy = try policyOptions.policy()
    let (left, leftNotes) = try StoredSide.read(base)
    let (right, rightNotes) = try StoredSide.read(head)
    let comparison = StoredComparison(base: left, head: right, policy: policy)
    let suites = Set((left.runs + right.runs).flatMap { $0 }.map(\.suite)).sorted()
    try output.conclude(
      ComparisonReport(
        command: "compare", base: left.name, head: right.name,
        suite: suites.joined(separator: " and "), policy: comparison.policy,
        cases: comparison.cases, notes: leftNotes + rightNotes + comparison.notes))
  }
}
