// SPDX-License-Identifier: MIT

/// Causal attention to the query's own block and the past blocks whose mean key scores highest.
///
/// A query attends to its own block up to itself and to `topK - 1` whole past blocks, fewer where
/// fewer exist. Scores are unscaled dot products with the mean key of a block in Float32, in one
/// fixed order of summation; ties go to the lower block.
///
/// Source: Lu et al., *MoBA: Mixture of Block Attention* (2025), arXiv:2502.13189, section 2.
public struct AttendSelected: Hashable, Sendable {
  public enum Order: String, Hashable, Sendable, Codable, ParameterChoice {
    /// Queries are grouped by the block they chose; partial results are merged by log-sum-exp.
    case byBlock
    /// Strips of consecutive queries visit the union of their blocks under lane masks.
    case byQuery
  }

  public let blockSize: Int
  public let topK: Int
  public let order: Order

  public init(blockSize: Int, topK: Int, order: Order) {
    self.blockSize = blockSize
    self.topK = topK
    self.order = order
  }

  public func blockCount(shape: AttentionShape) -> Int {
    (shape.keyLength + blockSize - 1) / blockSize
  }

  /// Scores of one head that the rule compares: one per query and past block.
  public func scoredBlocks(shape: AttentionShape) -> Int {
    (0..<shape.queryLength).reduce(0) { $0 + $1 / blockSize }
  }

  /// Attended pairs of one head: past blocks are whole, so the count does not depend on the data.
  public func attendedPairs(shape: AttentionShape) -> Int {
    (0..<shape.queryLength).reduce(0) { sum, query in
      sum + query % blockSize + 1 + min(topK - 1, query / blockSize) * blockSize
    }
  }

  /// Query rows of one head that are routed to a past block.
  public func routedRows(shape: AttentionShape) -> Int {
    (0..<shape.queryLength).reduce(0) { $0 + min(topK - 1, $1 / blockSize) }
  }

  func work(shape: AttentionShape) -> [StageWork] {
    let heads = shape.batch * shape.queryHeads
    let bytes = TensorBytes(shape)
    let scored = heads * scoredBlocks(shape: shape)
    let pairs = heads * attendedPairs(shape: shape)
    let partialRows = order == .byBlock ? heads * routedRows(shape: shape) : 0
    return [
      StageWork(
        name: "pool keys", operations: OperationCounts([.elementwise: bytes.key / 4]),
        bytesRead: bytes.key,
        bytesWritten: 4 * shape.batch * shape.keyValueHeads * blockCount(shape: shape)
          * shape.headDim,
        parallelUnits: shape.batch * shape.keyValueHeads * blockCount(shape: shape)),
      StageWork(
        name: "score and select blocks",
        operations: OperationCounts([.float32: 2 * scored * shape.headDim, .compare: scored]),
        bytesRead: bytes.query, bytesWritten: 4 * heads * shape.queryLength * topK,
        parallelUnits: heads * shape.queryLength),
      StageWork(
        name: "attend",
        operations: OperationCounts([
          .float32: 2 * pairs * (shape.headDim + shape.valueDim), .exponential: pairs,
        ]),
        bytesRead: bytes.inputs, bytesWritten: bytes.output,
        parallelUnits: heads * ((shape.queryLength + 31) / 32)),
      StageWork(
        name: "merge by log-sum-exp",
        operations: OperationCounts([
          .elementwise: 2 * partialRows * shape.valueDim, .exponential: partialRows,
        ]),
        bytesRead: 4 * partialRows * (shape.valueDim + 1), bytesWritten: 0,
        parallelUnits: heads * shape.queryLength),
    ].filter { $0.operations != OperationCounts() }
  }
}
