// SPDX-License-Identifier: MIT

import AttentionCore

/// Gates of a decaying state: a root of the sigmoids of logits, and the steps that make those.
struct GateMap {
  /// The steps that make the logits.
  let programs: RowPrograms
  /// The power of the sigmoid.
  let root: Float

  /// - Requires: the steps end with the logarithm of a sigmoid, which factors may follow.
  init(_ steps: FeatureSteps, inputs: Int, programs: (FeatureSteps) -> RowPrograms) {
    var logits = steps.steps
    var root = 1.0
    while case .scale(let factor) = logits.last {
      root *= factor
      logits.removeLast()
    }
    precondition(
      logits.last == .activate(.logSigmoid), "gates end with the logarithm of a sigmoid")
    logits.removeLast()
    self.programs = programs(FeatureSteps(logits))
    self.root = Float(root)
  }
}

extension FeatureAttention {
  /// The epsilon of a causal flow, whose sums run along with its state.
  func causalFlow(shape: AttentionShape) -> Double? {
    guard shape.isCausal, case .flow(let epsilon) = statistic else { return nil }
    return epsilon
  }
}
