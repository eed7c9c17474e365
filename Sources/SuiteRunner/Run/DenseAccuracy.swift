// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import ResultStore

/// Dense softmax attention in Double on sampled rows: the yardstick of every approximation.
final class DenseAccuracy {
  private var known: Known?

  private struct Known {
    let checksum: String
    let shape: AttentionShape
    let reference: ReferenceOutput
    let rows: [Int]
  }

  /// Multiply-adds in Double that one reference may cost.
  private static let affordableWork = 200_000_000

  /// How far `output` is from dense attention on the same inputs.
  func error(
    of output: Tensor<Float>, inputs: AttentionInputs, checksum: String, shape: AttentionShape
  ) -> DenseError {
    let (reference, rows) = reference(inputs, checksum, shape)
    let comparison = OutputComparison(output, reference, rows: rows)
    return DenseError(
      shape: shape, rows: rows.count * shape.batch * shape.queryHeads, cosine: comparison.cosine,
      relativeL1: comparison.relativeL1, rmse: comparison.rmse,
      worstHeadCosine: .value(comparison.worstHeadCosine),
      worstRowCosine: .value(comparison.worstRowCosine))
  }

  private func reference(
    _ inputs: AttentionInputs, _ checksum: String, _ shape: AttentionShape
  ) -> (ReferenceOutput, [Int]) {
    if let known, known.checksum == checksum, known.shape == shape {
      return (known.reference, known.rows)
    }
    let perRow = shape.batch * shape.queryHeads * shape.keyLength * (shape.headDim + shape.valueDim)
    let count = min(shape.queryLength, max(Self.affordableWork / perRow, 8))
    let rows = Self.evenRows(count, of: shape.queryLength)
    let problem = ReferenceProblem(shape: shape, inputs: inputs)
    let reference = SoftmaxReference.dense(problem, queries: rows)
    known = Known(checksum: checksum, shape: shape, reference: reference, rows: rows)
    return (reference, rows)
  }

  /// `count` rows spread evenly, the first and the last among them.
  static func evenRows(_ count: Int, of length: Int) -> [Int] {
    guard count < length, count > 1 else { return Array(0..<length) }
    return (0..<count).map { $0 * (length - 1) / (count - 1) }
  }
}
