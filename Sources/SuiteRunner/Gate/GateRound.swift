// SPDX-License-Identifier: MIT

import Comparison
import ResultStore

/// What one round of passes found about its subjects.
struct GateRound {
  /// The passes of each subject in which it was timed.
  private(set) var passes: [[[[WorkerSample]]]]
  private var obstacles: [CaseCoverage?]
  private var planned = 0

  init(subjects: Int) {
    passes = Array(repeating: [], count: subjects)
    obstacles = Array(repeating: nil, count: subjects)
  }

  mutating func add(_ results: [LockstepResult]) {
    planned += 1
    for (index, result) in results.enumerated() {
      switch result {
      case .measured(let samples): passes[index].append(samples)
      case .refused(let worker, let refusal):
        obstacles[index] = Self.coverage(refusal, isBase: worker == GateSubject.Role.base)
      case .broken(let reason): obstacles[index] = .broken(reason: reason)
      case .notReached: obstacles[index] = obstacles[index] ?? .notReached
      }
    }
  }

  /// Why the subject at `index` has no verdict from this round, or nil.
  ///
  /// Half of the passes are enough: one process that was killed does not spoil a night.
  func obstacle(_ index: Int) -> CaseCoverage? {
    if case .broken = obstacles[index], passes[index].count * 2 > planned { return nil }
    if case .notReached = obstacles[index], passes[index].count >= 2 { return nil }
    return obstacles[index]
  }

  private static func coverage(_ refusal: WorkerRefusal, isBase: Bool) -> CaseCoverage {
    switch refusal {
    case .skipped(let reason): .skipped(reason: reason)
    case .unsupported(let reason):
      .unsupported(reason: isBase ? "the base says: \(reason)" : reason)
    case .failed(let reason):
      isBase ? .unsupported(reason: "the base failed: \(reason)") : .failed(reason: reason)
    }
  }
}
