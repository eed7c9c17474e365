// SPDX-License-Identifier: MIT

/// Dense attention that writes scores to memory, normalises them, and multiplies by the values.
public struct ExplicitScores: Hashable, Sendable {
  public enum Products: String, Hashable, Sendable, Codable {
    /// Plain loops over rows: what a reader would write first.
    case loops
    /// Matrix products of the BLAS.
    case blas
  }

  /// How a row of scores becomes a row of weights.
  public enum Passes: Hashable, Sendable {
    /// Maximum, then exponentials and their sum; outputs are divided at the end.
    case dividedLate
    /// Exponentials relative to the maximum of each tile of keys, then their correction.
    case two(keyTile: Int)
    /// Maximum, then exponentials and their sum, then the division of every weight.
    case three
  }

  public let products: Products
  /// Of matrix products; loops divide late.
  public let passes: Passes

  public init(products: Products, passes: Passes = .dividedLate) {
    self.products = products
    self.passes = passes
  }

  /// Exponentials of one query that sees `keys` keys.
  public func exponentials(keys: Int) -> Int {
    guard case .two(let keyTile) = passes, products == .blas else { return keys }
    return keys + (keys + keyTile - 1) / keyTile
  }

  /// Queries whose scores stand in memory together.
  ///
  /// It changes the speed, never the result beyond rounding. A matrix product covers the keys that
  /// its last query sees, so causal blocks are shorter.
  public func queryBlock(shape: AttentionShape) -> Int {
    switch products {
    case .loops:
      return 1
    case .blas:
      // At most 16 MiB of scores, unless that leaves products too flat for a BLAS.
      let fitting = (1 << 22) / shape.keyLength & ~15
      return min(max(fitting, 64), shape.isCausal ? 128 : 256, shape.queryLength)
    }
  }

  /// Query blocks of one head.
  public func blockCount(shape: AttentionShape) -> Int {
    let block = queryBlock(shape: shape)
    return (shape.queryLength + block - 1) / block
  }

  /// Query-key pairs of one head whose scores are computed.
  public func evaluatedPairs(shape: AttentionShape) -> Int {
    guard products == .blas else { return MaskRule.sequence.attendedPairs(shape: shape) }
    return blockSum(shape: shape) { rows, keys in rows * keys }
  }

  /// What an engine must count at `shape`.
  public func expectedCounts(shape: AttentionShape) -> EngineCounts {
    let heads = shape.batch * shape.queryHeads
    let attended = MaskRule.sequence.attendedPairs(shape: shape)
    let keyRows = products == .loops ? attended : blockSum(shape: shape) { _, keys in keys }
    var counts = EngineCounts()
    counts.pairsEvaluated = heads * evaluatedPairs(shape: shape)
    counts.exponentials = heads * exponentialsOfHead(shape: shape)
    counts.bytesRead =
      4 * heads * (shape.queryLength * shape.headDim + keyRows * (shape.headDim + shape.valueDim))
    counts.bytesWritten = 4 * heads * shape.queryLength * shape.valueDim
    return counts
  }

  func work(shape: AttentionShape) -> [StageWork] {
    let heads = shape.batch * shape.queryHeads
    let bytes = TensorBytes(shape)
    return [
      StageWork(
        name: "scores, softmax, values",
        operations: OperationCounts([
          .float32: 2 * heads * evaluatedPairs(shape: shape) * (shape.headDim + shape.valueDim),
          .exponential: heads * exponentialsOfHead(shape: shape),
        ]),
        bytesRead: bytes.inputs, bytesWritten: bytes.output,
        parallelUnits: heads * shape.queryLength)
    ]
  }

  private func exponentialsOfHead(shape: AttentionShape) -> Int {
    guard case .two = passes else { return MaskRule.sequence.attendedPairs(shape: shape) }
    return (0..<shape.queryLength).reduce(0) {
      $0 + exponentials(keys: shape.visibleKeys(query: $1))
    }
  }

  /// The sum over the blocks of one head of a term in a block's rows and its product's keys.
  private func blockSum(shape: AttentionShape, _ term: (_ rows: Int, _ keys: Int) -> Int) -> Int {
    let block = queryBlock(shape: shape)
    return stride(from: 0, to: shape.queryLength, by: block).reduce(0) { sum, first in
      let end = min(first + block, shape.queryLength)
      return sum + term(end - first, shape.visibleKeys(query: end - 1))
    }
  }
}
