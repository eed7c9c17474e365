// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Dense softmax attention with both products in bfloat16 and Float32 accumulation.
///
/// Inputs are Float32 and are rounded to bfloat16 (ties to even) as part of the run; weights are
/// rounded before they meet the values, and the denominator sums the unrounded ones. Shapes are
/// those of ``Flash``.
///
/// Source: baseline of the field; dot-product instructions accumulate pairs in Float32.
public struct BFloat16Flash: AttentionMechanism {
  public static let card = MechanismCard(
    id: "bf16-flash", title: "FlashAttention in bfloat16", family: .lowBit,
    origin: Citation(
      "FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning",
      arXiv: "2307.08691", year: 2023),
    summary: "The tiled online softmax on bfloat16 operands with Float32 accumulation.",
    patterns: Set(AttentionPattern.allCases), exactness: .quantised,
    laws: [.headEquivariant, .causal],
    cost: "2 pairs (headDim + valueDim) bfloat16 operations, pairs exponentials")

  public let parameters: NoParameters
  private let shape: AttentionShape

  public init(_ parameters: NoParameters, shape: AttentionShape) throws(MechanismError) {
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan { Plan(shape: shape, stages: [.attend(Attend(precision: .bfloat16))]) }

  /// Softmax attention in Double on operands rounded to bfloat16; the weights are not rounded.
  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, _ in
      // The kernel scales queries before it rounds them; so does the oracle.
      let scaleLog2 = Float(shape.softmaxScale * 1.442_695_040_888_963_4)
      let rounded = ReferenceHead(
        query: head.query.map { Double(BFloat16(Float($0) * scaleLog2).float) },
        key: head.key.map { Double(BFloat16(Float($0)).float) },
        value: head.value.map { Double(BFloat16(Float($0)).float) })
      return SoftmaxReference.attend(rounded, scale: 0.693_147_180_559_945_3) { query, key in
        SoftmaxReference.allows(shape, query: query, key: key)
      }
    }
  }
}
