// SPDX-License-Identifier: MIT

import ArgumentParser
import Comparison
import Foundation
import SuiteRunner

/// Tries the gate out on this machine: nights without a change, nights with a planted one.
struct NightsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nights",
    abstract: "Repeat the gate without a change and with a planted one, and count its verdicts.",
    discussion: """
      This build is compared with itself, so every SLOWER is false, except in nights in which one \
      case is slowed down; those take the cases of the suite in turn. Finished nights stay in the \
      folder: the same command goes on where it was stopped.

        attnbench nights --suite gate --nights 20 --plant 5% --folder Results/nights
      """)

  @Option(help: "The suite file.", completion: .file(extensions: ["yaml", "yml"]))
  var suite: String
  @Option(help: "Nights of each kind.")
  var nights = 20
  @Option(help: "Slowdown that is planted, such as 5%.")
  var plant = "5%"
  @Option(help: "Folder in which finished nights are kept.")
  var folder: String
  @Option(help: "Commit, binary or folder of stored runs; default is this build.")
  var baseline: String?
  @Option(help: "Cases that carry an A/A control and a planted slowdown in every night.")
  var controls = 2
  @OptionGroup var gate: GateOptions

  func run() throws {
    BLASCore.correct(note: StandardError.note)
    guard let share = Share(argument: plant), share.value > 0 else {
      throw Refusal.usage("--plant \(plant): give a share such as 5%")
    }
    guard (1...1000).contains(nights) else {
      throw Refusal.usage("--nights \(nights): give 1 to 1000")
    }
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw Refusal(
        message: "'\(folder)' cannot be made: \(error.localizedDescription)", code: 1)
    }
    let own = try Build.own()
    let base = try baseline.map {
      try GateBaseline($0, suite: suite, runs: "Results/runs")
    }
    let plan = try gate.plan(
      suite, baseline: base?.source ?? .build(binary: own.binary), head: own.binary,
      controls: controls)
    var done: [NightsSummary.Night] = []
    for index in 0..<nights {
      for plants in [false, true] {
        done.append(
          try night(index, plan: plan, share: plants ? share.value : nil, base: base?.name))
      }
    }
    print(NightsSummary(done).text, terminator: "")
  }

  private func night(
    _ index: Int, plan: GatePlan, share: Double?, base: String?
  ) throws -> NightsSummary.Night {
    let kind = share == nil ? "aa" : "planted"
    let name = kind + String(format: "-%03d", index + 1)
    let file = URL(fileURLWithPath: "\(folder)/\(name).json")
    let planted = share.map { _ in plan.cases[index % plan.cases.count].id }
    if let data = try? Data(contentsOf: file),
      let report = try? ComparisonReport(json: data), report.suite == plan.suite
    {
      return NightsSummary.Night(name: name, plantedCase: planted, report: report)
    }
    StandardError.note("night \(name)")
    var plan = plan
    // Nights differ in the order of turns as real ones do.
    plan.turnSeed = plan.turnSeed.child(name)
    plan.plant = planted.map { GatePlan.Plant(caseIDs: [$0], share: share ?? 0) }
    let report = try gate.run(
      plan, command: "gate", base: base ?? "this build", head: "this build")
    do {
      try Data(try report.json().utf8).write(to: file, options: .atomic)
    } catch {
      throw Refusal(
        message: "'\(file.path)' cannot be written: \(error.localizedDescription)", code: 1)
    }
    return NightsSummary.Night(name: name, plantedCase: planted, report: report)
  }
}
