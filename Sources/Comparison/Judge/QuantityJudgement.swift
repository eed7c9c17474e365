// SPDX-License-Identifier: MIT

import AttentionCore
import ResultStore

/// What two records say about a quantity that has no noise.
public struct QuantityJudgement: Hashable, Codable, Sendable {
  public var quantity: ComparedQuantity
  /// What was compared, such as `tiles visited` or `relative L2 against the oracle`.
  public var name: String
  public var base: Double
  public var head: Double
  public var verdict: Verdict

  init(_ quantity: ComparedQuantity, _ name: String, base: Double, head: Double, delta: Double) {
    self.quantity = quantity
    self.name = name
    self.base = base
    self.head = head
    if head > base * (1 + delta) {
      verdict = .slower
    } else if head < base / (1 + delta) {
      verdict = .faster
    } else {
      verdict = .same
    }
  }

  /// Every exact quantity that both records hold.
  ///
  /// Work, instructions and errors are compared only between equal inputs and, for the latter two,
  /// equal kernel tables: other tables round in another order.
  public static func all(
    base: CaseRecord, head: CaseRecord, policy: ComparisonPolicy
  ) -> [QuantityJudgement] {
    var found = work(base, head)
    if base.execution.kernelTable == head.execution.kernelTable {
      found += errors(base, head, policy) + instructions(base, head, policy)
    }
    if base.execution.threads == head.execution.threads,
      let left = base.memory.workspaceBytes.value, let right = head.memory.workspaceBytes.value
    {
      found.append(
        QuantityJudgement(
          .memory, "workspace [byte]", base: Double(left), head: Double(right),
          delta: policy.memoryDelta))
    }
    return found
  }

  private static func work(_ base: CaseRecord, _ head: CaseRecord) -> [QuantityJudgement] {
    guard base.problem.input == head.problem.input else { return [] }
    var found: [QuantityJudgement] = []
    for kind in OperationClass.allCases {
      let (left, right) = (base.work.operations[kind], head.work.operations[kind])
      guard left != 0 || right != 0 else { continue }
      found.append(
        QuantityJudgement(
          .work, "\(kind.rawValue) operations", base: Double(left), head: Double(right), delta: 0))
    }
    guard base.execution.kernelTable == head.execution.kernelTable,
      let left = base.counts.measured.value?.exact, let right = head.counts.measured.value?.exact
    else { return found }
    let counts: [(String, KeyPath<EngineCounts, Int>)] = [
      ("tiles visited", \.tilesVisited), ("pairs evaluated", \.pairsEvaluated),
      ("exponentials evaluated", \.exponentials), ("bytes read", \.bytesRead),
      ("bytes written", \.bytesWritten), ("elements sorted", \.elementsSorted),
      ("rows gathered", \.rowsGathered),
    ]
    for (name, path) in counts where left[keyPath: path] != 0 || right[keyPath: path] != 0 {
      found.append(
        QuantityJudgement(
          .work, name, base: Double(left[keyPath: path]), head: Double(right[keyPath: path]),
          delta: 0))
    }
    return found
  }

  private static func errors(
    _ base: CaseRecord, _ head: CaseRecord, _ policy: ComparisonPolicy
  ) -> [QuantityJudgement] {
    var found: [QuantityJudgement] = []
    if let left = base.accuracy.oracle.value, let right = head.accuracy.oracle.value,
      left.shape == right.shape
    {
      found.append(
        QuantityJudgement(
          .error, "relative L2 against its definition", base: left.relativeL2,
          head: right.relativeL2, delta: policy.errorDelta))
    }
    if let left = base.accuracy.dense.value, let right = head.accuracy.dense.value,
      left.shape == right.shape, left.rows == right.rows,
      base.problem.input == head.problem.input
    {
      found.append(
        QuantityJudgement(
          .error, "RMSE against dense attention", base: left.rmse, head: right.rmse,
          delta: policy.errorDelta))
    }
    return found
  }

  private static func instructions(
    _ base: CaseRecord, _ head: CaseRecord, _ policy: ComparisonPolicy
  ) -> [QuantityJudgement] {
    base.counters.compactMap { left in
      guard left.source.contains("cachegrind"), left.name.contains("instructions"),
        let right = head.counters.first(where: {
          $0.source == left.source && $0.name == left.name && $0.unit == left.unit
        }), let before = left.value.value, let after = right.value.value
      else { return nil }
      return QuantityJudgement(
        .instructions, "\(left.name), \(left.source)", base: before, head: after,
        delta: policy.instructionDelta)
    }
  }
}
