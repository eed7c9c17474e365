// SPDX-License-Identifier: MIT

/// Dense attention that writes all scores to memory, normalises them, and multiplies by the values.
public struct ExplicitScores: Hashable, Sendable {
  public enum Products: String, Hashable, Sendable, Codable {
    /// Plain loops over rows: what a reader would write first.
    case loops
    /// Matrix products of the BLAS.
    case blas
  }

  public let products: Products

  public init(products: Products) {
    self.products = products
  }

  func work(shape: AttentionShape) -> [StageWork] {
    // Causal masks are applied to full products, as these baselines do.
    let pairs = shape.batch * shape.queryHeads * shape.queryLength * shape.keyLength
    let bytes = TensorBytes(shape)
    return [
      StageWork(
        name: "scores, softmax, values",
        operations: OperationCounts([
          .float32: 2 * pairs * (shape.headDim + shape.valueDim),
          .exponential: shape.batch * shape.queryHeads
            * MaskRule.sequence.attendedPairs(shape: shape),
        ]),
        bytesRead: bytes.inputs, bytesWritten: bytes.output,
        parallelUnits: shape.batch * shape.queryHeads)
    ]
  }
}
