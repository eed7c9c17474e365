// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import Comparison
import Foundation
import SuiteRunner

/// How thoroughly two builds are timed against each other.
struct GateOptions: ParsableArguments {
  @OptionGroup var policyOptions: PolicyOptions

  @Option(name: .customLong("filter"), help: "Take only cases whose id contains this; repeatable.")
  var filters: [String] = []

  @Option(help: "Sets of processes in the first round; each later round has twice as many.")
  var processes = 5

  @Option(help: "Adjacent pairs in each set of processes.")
  var pairs = 8

  @Option(help: "Rounds at most; a slower time needs a second one that agrees.")
  var rounds = 3

  @Option(help: "Share beyond --delta by which the planted control is slowed down.")
  var plantedMargin = Share(0.02)

  @Option(help: "Worker threads of each process; default is every CPU that this process may use.")
  var threads: Int?

  @Option(help: "Begin no case after this many seconds.")
  var timeLimit: Double?

  @Option(help: "Seed of all random streams; overrides the suite's.")
  var seed: UInt64?

  @Option(help: "Write the measured pairs to this file, one JSON object per line.")
  var samples: String?

  /// The plan for `suite` with these options.
  func plan(
    _ path: String, baseline: GatePlan.Baseline, head: String, controls: Int
  ) throws -> GatePlan {
    let suite = try SuiteFile.read(path: SuiteLocation.path(of: path))
    var options = SuiteRun.Options()
    options.filters = filters
    let cases = SuiteRun(suite: suite, options: options).selection
    guard !cases.isEmpty else { throw Refusal.usage("no case of \(path) matches the filters") }
    guard suite.mode == .measure else {
      throw Refusal.usage("\(path) is simulated only: it has no times to compare")
    }
    try check("--processes", processes, 2...1000)
    try check("--pairs", pairs, 1...10_000)
    try check("--rounds", rounds, 1...8)
    try check("--controls", controls, 0...1000)
    if let threads { try check("--threads", threads, 1...1024) }
    let file = path.split(separator: "/").suffix(2).joined(separator: "/")
    var plan = GatePlan(
      suite: suite, cases: cases, seed: seed.map { Seed($0) } ?? suite.seed, baseline: baseline,
      head: head
    ) { "attnbench run \(file) --filter '\($0.id)'" }
    plan.policy = try policyOptions.policy()
    plan.policy.rounds = rounds
    plan.policy.seed = plan.seed.child("bootstrap").value
    plan.processes = processes
    plan.pairs = pairs
    plan.controls = controls
    plan.plantedMargin = plantedMargin.value
    plan.threads = threads
    return plan
  }

  /// Runs `plan` until it is done or the time is over.
  func run(
    _ plan: GatePlan, command: String, base: String, head: String
  ) throws -> ComparisonReport {
    // A child that dies is reported by name, not by the death of this process.
    signal(SIGPIPE, SIG_IGN)
    let end = timeLimit.map { Date().addingTimeInterval($0) }
    let progress = try GateProgress(samples: samples)
    let run = GateRun(
      plan: plan, isOver: { end.map { Date() >= $0 } ?? false }, progress: progress)
    return try run.run(command: command, base: base, head: head)
  }

  private func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      throw Refusal.usage("\(name) \(value): give \(range.lowerBound) to \(range.upperBound)")
    }
  }
}
