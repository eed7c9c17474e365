// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import ResultStore
import SuiteRunner
import Testing

@Suite struct ExactTests {
  private func facts(_ adjust: (inout ExactFacts) -> Void = { _ in }) -> ExactFacts {
    var facts = ExactFacts(
      counts: ["tiles_visited": 10], operations: ["float32": 100], relativeL2: 1e-7,
      allocations: .value(0), outputs: ["avx2": "ab"], instructions: ["avx2": 100_000])
    adjust(&facts)
    return facts
  }

  private func compare(_ adjust: (inout ExactFacts) -> Void) -> ExactComparison {
    ExactComparison(reference: facts(), found: facts(adjust))
  }

  @Test func equalFactsPass() {
    let comparison = compare { _ in }
    #expect(comparison.failures.isEmpty && comparison.notes.isEmpty)
  }

  @Test func everyChangeOfWorkFails() {
    #expect(compare { $0.counts["tiles_visited"] = 11 }.failures.count == 1)
    #expect(compare { $0.counts["rows_gathered"] = 1 }.failures.count == 1)
    #expect(compare { $0.operations = [:] }.failures.count == 1)
  }

  @Test func anAllocationFailsWhateverTheReference() {
    let leaking = facts { $0.allocations = .value(2) }
    #expect(ExactComparison(reference: leaking, found: leaking).failures.count == 1)
    #expect(compare { $0.allocations = .absent(reason: "sanitizer") }.failures.isEmpty)
  }

  @Test func changedBitsOfTheSameKernelsFail() {
    #expect(compare { $0.outputs["avx2"] = "cd" }.failures.count == 1)
  }

  @Test func otherKernelsAreHeldToTheError() {
    let other = compare { $0.outputs = ["avx512": "cd"] }
    #expect(other.failures.isEmpty && other.notes.count == 1)
    let worse = compare {
      $0.outputs = ["avx512": "cd"]
      $0.relativeL2 = 2e-7
    }
    #expect(worse.failures.count == 1)
  }

  @Test(arguments: [(100_500, 0), (100_501, 1), (99_000, 0)])
  func instructionsMayGrowByHalfAPercent(count: Int, failures: Int) {
    let comparison = compare { $0.instructions["avx2"] = count }
    #expect(comparison.failures.count == failures)
    #expect(comparison.notes.count == 1 - failures)
  }

  @Test func uncountedInstructionsAreANoteAndNoFailure() {
    let comparison = compare {
      $0.instructions = [:]
      $0.instructionsAbsent = "valgrind is not installed"
    }
    #expect(comparison.failures.isEmpty)
    #expect(comparison.notes == ["instructions: valgrind is not installed"])
  }

  @Test func anUnknownCaseFails() {
    #expect(ExactComparison(reference: nil, found: facts()).failures.count == 1)
  }

  @Test func hashesOfOtherMachinesSurviveAnUpdate() {
    var reference = ExactReference(suite: "s", seed: 1, cases: ["c": facts()])
    reference.adopt(facts { $0.outputs = ["avx512": "cd"] }, of: "c")
    #expect(reference.cases["c"]?.outputs == ["avx2": "ab", "avx512": "cd"])
  }

  private func counted(_ id: String, threads: Int = 1) throws -> CountedCase {
    let item = try CaseSpecification(
      mechanismID: id, overrides: [:],
      shape: AttentionShape(queryHeads: 2, queryLength: 100, headDim: 16),
      input: .generated(.gaussian))
    let kernels = try #require(KernelTable.available.last)
    return try CountedCase(
      item, seed: Seed(3),
      execution: ExecutionContext(
        kernels: kernels, pool: WorkerPool(threads: threads, pins: false)))
  }

  @Test(arguments: ["flash", "bf16-flash", "sage1", "neighborhood", "linear", "performer", "fnet"])
  func outputBitsAreTheSameInEveryPreparation(id: String) throws {
    let first = try counted(id).outputHash()
    #expect(try counted(id).outputHash() == first)
    #expect(try counted(id, threads: 2).outputHash() == first)
  }
}

@Suite struct CacheModeTests {
  private static func text(_ timing: String) -> String {
    """
    suite: t
    timing: { \(timing) }
    cases:
      - shapes: { length: 64, headDim: 16 }
        mechanisms: flash
    """
  }

  private func read(_ timing: String) throws -> SuiteRunner.Suite {
    try SuiteFile.read(text: Self.text(timing), file: "t.yaml", directory: ".")
  }

  @Test func coldCasesHaveIdsOfTheirOwn() throws {
    let warm = try read("cache: warm")
    let cold = try read("cache: cold, processes: 3")
    #expect(cold.timing.cache == .cold && cold.timing.processes == 3)
    #expect(try read("target: 1 %").cases[0].id == warm.cases[0].id)
    #expect(cold.cases[0].id == warm.cases[0].id + "/cold")
  }

  @Test(arguments: ["cache: lukewarm", "processes: 0", "processes: 65", "process: 2"])
  func otherWordsAreRefused(timing: String) {
    #expect(throws: (any Error).self) { try read(timing) }
  }
}
