// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Dense softmax attention by two matrix products of a tuned BLAS: what a library user would write.
///
/// A block of rows of scores is written to memory, normalised, and multiplied by the values. Blocks
/// bound the memory and let a causal product stop at the last key that its block sees.
///
/// | Tensor | Shape                                         |
/// |--------|-----------------------------------------------|
/// | query  | `[batch, queryHeads, queryLength, headDim]`   |
/// | key    | `[batch, keyValueHeads, keyLength, headDim]`  |
/// | value  | `[batch, keyValueHeads, keyLength, valueDim]` |
/// | output | `[batch, queryHeads, queryLength, valueDim]`  |
///
/// One head does `2 * evaluated * (headDim + valueDim)` operations and `pairs` exponentials, where
/// `evaluated` counts the pairs of the products: a causal block covers some that it then masks.
///
/// Source: Vaswani et al., *Attention Is All You Need* (2017), arXiv:1706.03762, equation 1.
public struct DenseBlas: AttentionMechanism {
  public static let card = MechanismCard(
    id: "dense-blas", title: "Dense attention, BLAS products", family: .exact,
    origin: Citation("Attention Is All You Need", arXiv: "1706.03762", year: 2017),
    summary: "Exact softmax attention by two matrix products of a BLAS, scores in memory.",
    patterns: Set(AttentionPattern.allCases), exactness: .exact,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "2 evaluated (headDim + valueDim) operations, pairs exponentials")

  public let parameters: NoParameters
  private let shape: AttentionShape

  public init(_ parameters: NoParameters, shape: AttentionShape) throws(MechanismError) {
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.explicitScores(ExplicitScores(products: .blas))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    SoftmaxReference.dense(problem)
  }
}
