// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import AttentionEngines
import Foundation
import Measurement
import SuiteRunner

/// One case of a suite for a process that was started to do nothing else.
struct SuiteCaseOptions: ParsableArguments {
  @Argument(help: "The suite file.")
  var suite: String
  @Option(name: .customLong("case"), help: "Id of the case.")
  var id: String
  @Option(help: "Seed of all random streams.")
  var seed: UInt64

  func load() throws -> (suite: Suite, item: CaseSpecification) {
    let suite = try SuiteFile.read(path: self.suite)
    guard let item = suite.cases.first(where: { $0.id == id }) else {
      throw Refusal.usage("\(self.suite) has no case '\(id)'")
    }
    return (suite, item)
  }

  /// The arguments by which this program starts ``CachegrindWorker``.
  static func cachegrindArguments(
    suite: String, seed: UInt64
  ) -> (CaseSpecification) -> [String] {
    { ["cachegrind-worker", suite, "--case", $0.id, "--seed", "\(seed)"] }
  }
}

/// Runs a case so many times, for cachegrind to count; prints what ran.
struct CachegrindWorker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cachegrind-worker", abstract: "Run one case for an instruction count.",
    shouldDisplay: false)

  @OptionGroup var work: SuiteCaseOptions

  func run() throws {
    let item = try work.load().item
    let variable = CachegrindSource.repetitionsVariable
    guard let repetitions = getenv(variable).flatMap({ Int(String(cString: $0)) }) else {
      throw Refusal.usage("\(variable) must hold the number of repetitions")
    }
    let kernels = try KernelOptions.kernels()
    let execution = ExecutionContext(kernels: kernels, pool: WorkerPool(threads: 1))
    let counted = try CountedCase(item, seed: Seed(work.seed), execution: execution)
    counted.run(repetitions: repetitions)
    print(
      CountedCase.label(
        kernels: kernels, library: BLASIdentity.current.core, shape: counted.problem.shape))
  }
}

/// Takes one process's share of the rounds of a case and prints every sample as JSON.
struct TimingWorker: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "timing-worker", abstract: "Time one case next to dense attention.",
    shouldDisplay: false)

  @OptionGroup var work: SuiteCaseOptions
  @OptionGroup var kernelOptions: KernelOptions
  @Option(help: "Index of this process among those of the case.")
  var process: Int
  @Option(help: "CPUs that the threads may use.")
  var cpus: String
  @Option(help: "Size of the last cache.")
  var cacheBytes: Int

  func run() throws {
    let cpus = cpus.split(separator: ",").compactMap { Int($0) }
    if !cpus.isEmpty { _ = Affinity.pin(to: cpus) }
    let (suite, item) = try work.load()
    let execution = try kernelOptions.context()
    let timed = TimedCase(
      timing: suite.timing, sources: InputSource(seed: Seed(work.seed)), execution: execution,
      cacheBytes: cacheBytes,
      yardstick: PoolYardstick(
        pool: execution.pool, cpus: max(cpus.count, 1),
        peak: AdjacentPeak.best(duration: .microseconds(100))))
    let timing = try timed.measure(item, process: process)
    print(String(decoding: try JSONEncoder().encode(timing), as: UTF8.self))
  }
}
