// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Dense softmax attention by plain loops: what a reader of the formula would write first.
///
/// One row of scores at a time is written to memory, normalised, and multiplied by the values. It
/// shows what everything else is worth and is no baseline for a speed-up.
///
/// | Tensor | Shape                                         |
/// |--------|-----------------------------------------------|
/// | query  | `[batch, queryHeads, queryLength, headDim]`   |
/// | key    | `[batch, keyValueHeads, keyLength, headDim]`  |
/// | value  | `[batch, keyValueHeads, keyLength, valueDim]` |
/// | output | `[batch, queryHeads, queryLength, valueDim]`  |
///
/// One head does `2 * pairs * (headDim + valueDim)` operations and `pairs` exponentials.
///
/// Source: Vaswani et al., *Attention Is All You Need* (2017), arXiv:1706.03762, equation 1.
public struct DenseNaive: AttentionMechanism {
  public static let card = MechanismCard(
    id: "dense-naive", title: "Dense attention, plain loops", family: .exact,
    origin: Citation("Attention Is All You Need", arXiv: "1706.03762", year: 2017),
    summary: "Exact softmax attention by plain loops over rows, one row of scores in memory.",
    patterns: Set(AttentionPattern.allCases), exactness: .exact,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "2 pairs (headDim + valueDim) operations, pairs exponentials")

  public let parameters: NoParameters
  private let shape: AttentionShape

  public init(_ parameters: NoParameters, shape: AttentionShape) throws(MechanismError) {
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.explicitScores(ExplicitScores(products: .loops))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    SoftmaxReference.dense(problem)
  }
}
