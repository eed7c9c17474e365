// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import AttentionEngines
import AttentionMechanisms
import Foundation
import Measurement
import SuiteRunner

/// The self-test: how small a change this machine can tell from none.
struct NoiseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "noise",
    abstract: "Measure how small a change of speed this machine can see.",
    discussion: """
      Kernels are timed against themselves: any difference that is found is an error. Once as \
      adjacent pairs in random order, which is how suites are compared here, and once as medians \
      of separate runs, which is how benchmarks are often compared.

        attnbench machine noise
        attnbench machine noise --time-limit 120 --pairs 60 --format json
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  @OptionGroup var kernelOptions: KernelOptions
  @Option(help: "Seconds that the test may take, about.")
  var timeLimit = 30.0
  @Option(help: "Pairs behind each verdict; more pairs see smaller changes.")
  var pairs = 30
  @Option(help: "text or json.")
  var format = Format.text

  func run() throws {
    guard timeLimit.isFinite, (1...86_400).contains(timeLimit) else {
      throw Refusal.usage("--time-limit \(timeLimit): give 1 to 86400 seconds")
    }
    guard (8...10_000).contains(pairs) else {
      throw Refusal.usage("--pairs \(pairs): give 8 to 10000")
    }
    let execution = try kernelOptions.context()
    var plan = NoiseTest.Plan()
    plan.pairs = pairs
    plan.maximumTrials = 200
    let loads = try NoiseLoad.all(execution)
    plan.timeLimit = .milliseconds(Int64(timeLimit * 1000 / Double(loads.count)))
    let reports = try loads.map { load in
      StandardError.note("timing \(load.name) against itself")
      return try NoiseTest(plan: plan).measure(name: load.name) { load.run() }
    }
    switch format {
    case .json: print(try NoiseText.json(reports, threads: execution.pool.count))
    case .text: print(NoiseText.text(reports, threads: execution.pool.count), terminator: "")
    }
    let isFit = reports.allSatisfy { $0.isFit }
    guard isFit else { throw ExitCode(5) }
  }
}

/// Something real to time: a kernel bound by arithmetic and one bound by memory.
struct NoiseLoad {
  let name: String
  let run: () -> Void

  static func all(_ execution: ExecutionContext) throws -> [NoiseLoad] {
    [
      try make(
        "flash, 4 heads of 512 tokens (arithmetic)", id: Flash.card.id,
        shape: AttentionShape(queryHeads: 4, queryLength: 512, headDim: 64), execution),
      try make(
        "split-kv, 1 query against 65536 keys (memory)", id: "split-kv",
        shape: AttentionShape(
          queryHeads: 2, queryLength: 1, keyLength: 65_536, headDim: 64, causality: .bottomRight),
        execution),
    ]
  }

  private static func make(
    _ name: String, id: String, shape: AttentionShape, _ execution: ExecutionContext
  ) throws -> NoiseLoad {
    let mechanism = try MechanismCatalogue.entry(id).make([:], shape: shape)
    let inputs = InputGenerator(seed: Seed(1)).inputs(
      .gaussian, kind: .queryKeyValue, shape: shape)
    let engine = try Engines.prepare(mechanism.plan, context: execution)
    let output = Tensor<Float>(shape.outputExtents)
    return NoiseLoad(name: name) { engine.run(inputs, into: output) }
  }
}
