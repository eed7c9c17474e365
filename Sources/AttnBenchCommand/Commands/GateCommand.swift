// SPDX-License-Identifier: MIT

import ArgumentParser
import Comparison
import Configuration
import Foundation
import ResultStore
import SuiteRunner

/// The nightly verdict.
struct GateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gate",
    abstract: "Judge this build against a baseline: exit code, JUnit and job summary.",
    discussion: """
      The baseline is a commit or a binary, timed in turns with this build (the surest), or stored \
      runs, with which ratios to flash are compared: their folder, or history. Beside the cases \
      it measures the base against itself and against itself slowed down; if either comes out \
      wrong the machine is unfit and no verdict on time counts.

        attnbench gate --baseline main --suite Suites/gate.yaml
        attnbench gate --baseline Results/nights --suite Suites/gate.yaml --junit gate.xml

      Exit codes: 0 passed; 3 confirmed regression; 4 a kernel is wrong; 5 unfit or inconclusive; \
      6 too little measured.
      """)

  @Option(
    help: "Commit, binary, folder of stored runs, or history: the last ten runs of the suite.")
  var baseline: String
  @Option(help: "Folder of all runs, for --baseline history.")
  var runs = "Results/runs"
  @Option(help: "The suite file.", completion: .file(extensions: ["yaml", "yml"]))
  var suite: String
  @Option(help: "Binary that is judged; default is this one.")
  var head: String?
  @Option(help: "Cases that carry an A/A control and a planted slowdown.")
  var controls = 2
  @Option(help: "Try the gate out: slow the cases of --plant-case down by this share, such as 5%.")
  var plant: Share?
  @Option(
    name: .customLong("plant-case"),
    help: "Id of a case that --plant slows down; repeatable, default is every case.")
  var plantCases: [String] = []
  @OptionGroup var gate: GateOptions
  @OptionGroup var output: ComparisonOutput

  func run() throws {
    try output.check()
    BLASCore.correct(note: StandardError.note)
    let judged = try head.map { try Build.file($0, option: "--head") } ?? Build.own()
    let baseline = try GateBaseline(baseline, suite: suite, runs: runs)
    var plan = try gate.plan(
      suite, baseline: baseline.source, head: judged.binary, controls: controls)
    plan.plant = try plant.map { share in
      try GatePlan.Plant(
        caseIDs: Set(plantCases.map { try Self.caseID($0, of: plan) }), share: share.value)
    }
    var report = try gate.run(plan, command: "gate", base: baseline.name, head: judged.name)
    report.notes = baseline.notes + report.notes
    try output.conclude(report)
  }

  private static func caseID(_ text: String, of plan: GatePlan) throws -> String {
    let known = plan.cases.map(\.id)
    if known.contains(text) { return text }
    let named = Dictionary(
      known.map { ($0.prefix { !"[@".contains($0) }, $0) }, uniquingKeysWith: { first, _ in first })
    let meant =
      EditDistance.nearest(to: text, among: known)
      ?? EditDistance.nearest(to: text, among: named.keys.map(String.init).sorted())
      .flatMap { named[Substring($0)] }
    throw Refusal.usage(
      "--plant-case \(text): the suite has no such case"
        + (meant.map { ". Did you mean '\($0)'?" } ?? "; known: " + known.joined(separator: ", ")))
  }
}

/// What `--baseline` names.
struct GateBaseline {
  let source: GatePlan.Baseline
  let name: String
  let notes: [String]

  /// - Throws: ``Refusal`` if `text` is no folder of runs, no binary and no commit.
  init(_ text: String, suite: String, runs root: String) throws {
    if text == "history" {
      let (runs, notes) = try StoredSide.nights(
        of: SuiteFile.read(path: SuiteLocation.path(of: suite)).name, below: root)
      source = .stored(runs)
      name = runs.name
      self.notes = notes
      return
    }
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: text, isDirectory: &isFolder)
    if exists, isFolder.boolValue {
      let (runs, notes) = try StoredSide.read(text)
      source = .stored(runs)
      name = runs.name
      self.notes = notes
      return
    }
    let build: Build
    if exists {
      build = try Build.file(text, option: "--baseline")
    } else {
      guard CommitBuild.commit(text) != nil else {
        throw Refusal.usage(
          "--baseline \(text): there is no such folder, binary or commit here; give the folder of "
            + "a run, an attnbench binary, a commit of the checkout in the working folder, or "
            + "history")
      }
      build = try CommitBuild.make(text, option: "--baseline", note: StandardError.note)
    }
    source = .build(binary: build.binary)
    name = build.name
    notes = []
  }
}
