// SPDX-License-Identifier: MIT

extension Attend {
  /// Whether scores are changed in a way that kernels of strips do not know: a cap, or terms that
  /// depend on the query's features.
  ///
  /// Such plans run row by row. Everything else that a plan may add to scores runs in tiles.
  public var needsWholeRows: Bool { scoreCap != nil || vectors != nil }

  /// The vectors that are multiplied with queries, where a pattern has them.
  private var vectors: RelativeVectors? {
    guard case .patterns(let heads) = rule else { return nil }
    for pattern in heads.patterns {
      if case .queryRelative(let vectors) = pattern.bias { return vectors }
    }
    return nil
  }

  /// The work on scores between their product and softmax, where it is more than an addition.
  func modifying(pairs: Int, shape: AttentionShape) -> [StageWork] {
    let rows = shape.batch * shape.queryHeads * shape.queryLength
    var stages: [StageWork] = []
    if scoreCap != nil {
      // A hyperbolic tangent is one exponential and a few other operations.
      stages.append(
        StageWork(
          name: "cap scores",
          operations: OperationCounts([.exponential: pairs, .elementwise: 3 * pairs]),
          bytesRead: 0, bytesWritten: 0, parallelUnits: rows))
    }
    if let vectors {
      stages.append(
        StageWork(
          name: "relative terms",
          operations: OperationCounts([
            .float32: 2 * rows * vectors.count * shape.headDim,
            .elementwise: vectors.grid.rank * pairs,
          ]), bytesRead: 4 * vectors.count * shape.headDim, bytesWritten: 0, parallelUnits: rows))
    }
    return stages
  }

  /// What an engine that takes whole rows must count: every attended pair, and nothing in tiles.
  public func expectedRowCounts(shape: AttentionShape) -> EngineCounts {
    let pairs = shape.batch * rule.attendedPairsOfHeads(shape: shape)
    let rows = shape.batch * shape.queryHeads * shape.queryLength
    var counts = EngineCounts()
    counts.pairsEvaluated = pairs
    counts.exponentials = scoreCap == nil ? pairs : 2 * pairs
    counts.bytesRead = 4 * (rows * shape.headDim + pairs * (shape.headDim + shape.valueDim))
    counts.bytesWritten = 4 * rows * shape.valueDim
    return counts
  }
}
