// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionEngines
import Foundation
import Measurement
import ResultStore
import SuiteRunner

/// The deterministic gate: no time is measured, so a busy machine does not matter.
struct ExactCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exact",
    abstract: "Compare exact work, allocations, output bits and instruction counts with a file.",
    discussion: """
      Nothing is timed, so the result is the same on a busy machine. Work and output bits must be \
      equal, allocations inside the timed region zero, and instructions within 0.5 %. Output bits \
      of kernels or libraries that the file does not know are compared by their error instead.

        attnbench exact Suites/smoke.yaml \\
          --reference Results/reference/exact/smoke.json
        attnbench exact Suites/smoke.yaml \\
          --reference Results/reference/exact/smoke.json --update

      Exit code 4 if anything differs.
      """)

  @OptionGroup var suiteOptions: SuiteOptions
  @OptionGroup var kernelOptions: KernelOptions
  @Option(help: "The committed file.")
  var reference: String
  @Flag(help: "Write what is found into the file instead of comparing.")
  var update = false
  @Flag(inversion: .prefixedNo, help: "Count instructions with cachegrind, seconds per case.")
  var cachegrind = true
  @Flag(help: "Print what could not be compared, too.")
  var notes = false

  func run() throws {
    BLASCore.correct(note: StandardError.note)
    let suite = try SuiteFile.read(path: suiteOptions.suite)
    let items = SuiteRun(suite: suite, options: try suiteOptions.runOptions()).selection
    guard !items.isEmpty else {
      throw Refusal.usage("no case of \(suiteOptions.suite) matches the filters")
    }
    let seed = suiteOptions.seed(of: suite)
    var known = try committed(suite: suite.name, seed: seed.value)
    let runner = ExactRunner(
      seed: seed, execution: try kernelOptions.context(), build: BuildFacts.record.compiler,
      library: BLASIdentity.current.core,
      cachegrind: cachegrind ? HostCounters.makeCachegrind() : nil,
      workerArguments: SuiteCaseOptions.cachegrindArguments(
        suite: suiteOptions.suite, seed: seed.value))
    var failed = 0
    for item in items {
      let comparison = compare(item, runner, &known)
      for line in comparison.failures { Self.say("DIFFERS  \(item.id): \(line)") }
      if notes { for line in comparison.notes { Self.say("note     \(item.id): \(line)") } }
      let isFine = comparison.failures.isEmpty
      if isFine { Self.say((update ? "recorded " : "same     ") + item.id) } else { failed += 1 }
    }
    try conclude(items: items.map(\.id), failed: failed, known: known)
  }

  /// Prints at once: a case takes seconds, and a reader of a pipe wants to see them pass.
  private static func say(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
  }

  private struct Outcome {
    var failures: [String] = []
    var notes: [String] = []
  }

  private func compare(
    _ item: CaseSpecification, _ runner: ExactRunner, _ known: inout ExactReference
  ) -> Outcome {
    do {
      let facts = try runner.facts(of: item)
      guard update else {
        let comparison = ExactComparison(reference: known.cases[item.id], found: facts)
        return Outcome(failures: comparison.failures, notes: comparison.notes)
      }
      known.adopt(facts, of: item.id)
      return Outcome(notes: facts.instructionsAbsent.map { ["instructions: \($0)"] } ?? [])
    } catch {
      return Outcome(failures: ["\(error)"])
    }
  }

  private func committed(suite: String, seed: UInt64) throws -> ExactReference {
    guard FileManager.default.fileExists(atPath: reference) else {
      guard update else {
        throw Refusal.usage("there is no file \(reference); write it with --update")
      }
      return ExactReference(suite: suite, seed: seed, cases: [:])
    }
    let found: ExactReference
    do {
      found = try ExactReference(parsing: PlainFile.contents(of: reference), file: reference)
    } catch {
      throw Refusal.usage("\(error)")
    }
    guard found.schema == ExactReference.currentSchema, found.suite == suite, found.seed == seed
    else {
      throw Refusal.usage(
        "\(reference) belongs to suite '\(found.suite)', seed \(found.seed), schema "
          + "'\(found.schema)'; this is suite '\(suite)', seed \(seed), schema "
          + "'\(ExactReference.currentSchema)'")
    }
    return found
  }

  private func conclude(items: [String], failed: Int, known: ExactReference) throws {
    var known = known
    let isWhole = suiteOptions.filters.isEmpty && suiteOptions.shard == nil
    let gone = isWhole ? known.cases.keys.filter { !items.contains($0) }.sorted() : []
    if update {
      for id in gone { known.cases[id] = nil }
      let folder = URL(fileURLWithPath: reference).deletingLastPathComponent()
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try known.text().write(toFile: reference, atomically: true, encoding: .utf8)
      Self.say("wrote \(known.cases.count) cases to \(reference)")
    } else {
      for id in gone { Self.say("DIFFERS  \(id): the suite no longer has the case") }
    }
    let wrong = failed + (update ? 0 : gone.count)
    guard wrong == 0 else {
      StandardError.note("\(wrong) of \(items.count) cases differ from \(reference)")
      throw ExitCode(4)
    }
  }
}
