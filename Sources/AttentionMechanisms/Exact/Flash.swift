// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Dense softmax attention in tiles with an online softmax: the baseline of every comparison.
///
/// Scores never reach memory. The running maximum is conditional: accumulators are rescaled only
/// when a score exceeds it by more than a threshold, which the final division makes exact.
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
/// Source: Dao, *FlashAttention-2* (2023), arXiv:2307.08691, algorithm 1.
public struct Flash: AttentionMechanism {
  public static let card = MechanismCard(
    id: "flash", title: "FlashAttention-2", family: .exact,
    origin: Citation(
      "FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning",
      arXiv: "2307.08691", year: 2023),
    summary: "Exact softmax attention in tiles with an online softmax; scores never reach memory.",
    patterns: Set(AttentionPattern.allCases), exactness: .exact,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "2 pairs (headDim + valueDim) operations, pairs exponentials")

  public let parameters: NoParameters
  private let shape: AttentionShape

  public init(_ parameters: NoParameters, shape: AttentionShape) throws(MechanismError) {
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan { Plan(shape: shape, stages: [.attend(Attend())]) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    SoftmaxReference.dense(problem)
  }
}
