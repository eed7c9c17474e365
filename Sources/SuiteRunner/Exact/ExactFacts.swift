// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import Foundation
import Measurement
import ResultStore

/// What must be the same after every change that claims to change nothing.
public struct ExactFacts: Codable, Hashable, Sendable {
  /// Counted work at the reduced size by name.
  public var counts: [String: Int]
  /// Operations of the plan at full size by class.
  public var operations: [String: Int]
  /// Relative L2 error against the mechanism's oracle.
  public var relativeL2: Double
  /// Allocations inside one run at full size.
  public var allocations: ResultStore.Known<Int>
  /// Hash of the output's bits, by what computed it.
  public var outputs: [String: String]
  /// Instructions of one run by cachegrind, by what executed it.
  public var instructions: [String: Int]
  /// Why nothing was counted, if nothing was.
  public var instructionsAbsent: String?

  public init(
    counts: [String: Int], operations: [String: Int], relativeL2: Double,
    allocations: ResultStore.Known<Int>, outputs: [String: String], instructions: [String: Int],
    instructionsAbsent: String? = nil
  ) {
    self.counts = counts
    self.operations = operations
    self.relativeL2 = relativeL2
    self.allocations = allocations
    self.outputs = outputs
    self.instructions = instructions
    self.instructionsAbsent = instructionsAbsent
  }
}

/// The committed facts of a suite.
public struct ExactReference: Codable, Hashable, Sendable {
  public static let currentSchema = "attnbench-exact/1"

  public var schema = ExactReference.currentSchema
  public var suite: String
  public var seed: UInt64
  public var cases: [String: ExactFacts]

  public init(suite: String, seed: UInt64, cases: [String: ExactFacts]) {
    self.suite = suite
    self.seed = seed
    self.cases = cases
  }

  /// The reference in `data`; `file` is the name that errors carry.
  public init(parsing data: Data, file: String) throws(ExactReferenceError) {
    do {
      self = try JSONDecoder().decode(ExactReference.self, from: data)
    } catch {
      throw .malformed(file: file, cause: RecordCoding.explanation(of: error))
    }
  }

  /// The text of a file, with sorted keys, so that equal facts are equal bytes.
  public func text() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }

  /// Adopts what `found` measured; hashes and counts of other machines and compilers stay.
  public mutating func adopt(_ found: ExactFacts, of caseID: String) {
    var facts = found
    if let old = cases[caseID] {
      facts.outputs = old.outputs.merging(found.outputs) { $1 }
      facts.instructions = old.instructions.merging(found.instructions) { $1 }
    }
    facts.instructionsAbsent = nil
    cases[caseID] = facts
  }
}

/// Gathers the facts of cases.
public struct ExactRunner {
  private let seed: Seed
  private let execution: ExecutionContext
  /// Compiler and libraries: with others, bits and instructions may differ without a mistake.
  private let build: String
  private let library: String
  private let cachegrind: CachegrindSource?
  private let workerArguments: (CaseSpecification) -> [String]

  public init(
    seed: Seed, execution: ExecutionContext, build: String, library: String,
    cachegrind: CachegrindSource?, workerArguments: @escaping (CaseSpecification) -> [String]
  ) {
    FourierPlanning.makeRepeatable()
    self.seed = seed
    self.execution = execution
    self.build = build
    self.library = library
    self.cachegrind = cachegrind
    self.workerArguments = workerArguments
  }

  /// The facts of one case.
  ///
  /// - Throws: ``EngineError`` if no engine takes the plan, ``ExactFailure`` if the kernel is wrong.
  public func facts(of item: CaseSpecification) throws -> ExactFacts {
    let check = try Verification(
      item, sources: InputSource(seed: seed), context: execution)
    if let defect = check.defect { throw ExactFailure(reason: defect) }
    let counted = try CountedCase(item, seed: seed, execution: execution)
    let label = CountedCase.label(
      kernels: execution.kernels, library: library, shape: counted.problem.shape)
    var facts = ExactFacts(
      counts: counted.engine.counts.exact.byName,
      operations: Self.byName(item.mechanism.plan.operations),
      relativeL2: check.error.relativeL2,
      allocations: try allocations(of: item),
      outputs: ["\(label), \(build)": counted.outputHash()], instructions: [:])
    guard let cachegrind else {
      facts.instructionsAbsent = "cachegrind was not asked for"
      return facts
    }
    cachegrind.target = workerArguments(item)
    for reading in CounterSession([cachegrind]).count({}) {
      if let number = reading.value.number {
        facts.instructions["\(reading.event ?? "unknown"), \(build)"] = Int(number)
      } else {
        facts.instructionsAbsent = reading.value.absence
      }
    }
    return facts
  }

  /// Allocations at the size that is timed: a library may need memory for some sizes only.
  private func allocations(of item: CaseSpecification) throws -> ResultStore.Known<Int> {
    if let shortage = MemoryNeed(item, context: execution).shortage() {
      return .absent(reason: shortage)
    }
    let timed = try CountedCase(
      item, seed: seed, execution: execution, affordableWork: .max)
    return timed.allocations().map { .value($0) }
      ?? .absent(reason: "allocations cannot be counted under a sanitizer or without glibc")
  }

  private static func byName(_ operations: OperationCounts) -> [String: Int] {
    Dictionary(uniqueKeysWithValues: operations.counts.map { ("\($0.key)", $0.value) })
  }
}

/// A kernel that is wrong, so that nothing else about it is worth comparing.
public struct ExactFailure: Error, CustomStringConvertible {
  public let reason: String
  public var description: String { reason }
}

/// A file that holds no exact facts.
public enum ExactReferenceError: Error, Hashable, Sendable {
  case malformed(file: String, cause: String)
}

extension ExactReferenceError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .malformed(let file, let cause):
      "\(file) is no reference of exact facts (\(cause)); write it with --update"
    }
  }
}
