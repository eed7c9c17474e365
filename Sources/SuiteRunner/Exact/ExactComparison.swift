// SPDX-License-Identifier: MIT

import ResultStore

/// What differs between the committed facts of a case and those found.
public struct ExactComparison: Hashable, Sendable {
  /// Differences that fail the gate.
  public private(set) var failures: [String] = []
  /// What could not be compared, or became better.
  public private(set) var notes: [String] = []

  /// Instructions may grow by this share: the compiler places a spill here or there.
  public static let instructionTolerance = 0.005
  /// Other kernels sum in another order; half as much error again is still the same algorithm.
  public static let errorTolerance = 1.5

  public init(reference: ExactFacts?, found: ExactFacts) {
    compareAllocations(found)
    guard let reference else {
      failures.append("the case is not in the reference; record it with --update")
      return
    }
    compare("counted", reference.counts, found.counts)
    compare("planned", reference.operations, found.operations)
    compareOutputs(reference, found)
    compareInstructions(reference, found)
  }

  private mutating func compareAllocations(_ found: ExactFacts) {
    switch found.allocations {
    case .value(0): break
    case .value(let count):
      failures.append("\(count) allocations inside the timed region; there must be none")
    case .absent(let reason): notes.append(reason)
    }
  }

  private mutating func compare(_ kind: String, _ old: [String: Int], _ new: [String: Int]) {
    for name in Set(old.keys).union(new.keys).sorted() where old[name] != new[name] {
      let texts = [old[name], new[name]].map { $0.map(String.init) ?? "none" }
      failures.append("\(kind) \(name): \(texts[0]) became \(texts[1])")
    }
  }

  private mutating func compareOutputs(_ reference: ExactFacts, _ found: ExactFacts) {
    for (key, hash) in found.outputs.sorted(by: { $0.key < $1.key }) {
      if let known = reference.outputs[key] {
        guard known != hash else { continue }
        failures.append(
          "the output's bits changed (\(key)); relative L2 error \(reference.relativeL2) became "
            + "\(found.relativeL2)")
      } else if found.relativeL2 > reference.relativeL2 * Self.errorTolerance {
        failures.append(
          "relative L2 error \(reference.relativeL2) became \(found.relativeL2) (\(key))")
      } else {
        notes.append("no output hash is known for \(key); the error was compared instead")
      }
    }
  }

  private mutating func compareInstructions(_ reference: ExactFacts, _ found: ExactFacts) {
    if let reason = found.instructionsAbsent { notes.append("instructions: \(reason)") }
    for (key, count) in found.instructions.sorted(by: { $0.key < $1.key }) {
      guard let known = reference.instructions[key] else {
        notes.append("no instruction count is known for \(key)")
        continue
      }
      guard known != count else { continue }
      let change = Double(count - known) / Double(max(known, 1))
      let text = "instructions \(known) became \(count) (\(Self.percent(change)))"
      if change > Self.instructionTolerance { failures.append(text) } else { notes.append(text) }
    }
  }

  private static func percent(_ share: Double) -> String {
    let hundredths = (share * 10_000).rounded() / 100
    return "\(share > 0 ? "+" : "")\(hundredths) %"
  }
}
