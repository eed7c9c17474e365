// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// What statistics found, where feature maps look for it.
final class StatisticStore: @unchecked Sendable {
  /// Queries or keys: scales and shifts by channel, factors by token, for every head.
  final class Side: @unchecked Sendable {
    let length: Int
    let padded: Int
    private let scales, shifts, factors: Tensor<Float>

    init(heads: Int, length: Int, width: Int, hasFactors: Bool) {
      self.length = length
      padded = Int(attn_row_padded(Int32(width)))
      scales = Tensor([heads, padded])
      shifts = Tensor([heads, padded])
      factors = Tensor(hasFactors ? [heads, length] : [0])
      scales.elements.update(repeating: 1)
      shifts.elements.update(repeating: 0)
    }

    func scale(_ head: Int) -> UnsafeMutablePointer<Float> { scales.base + head * padded }
    func shift(_ head: Int) -> UnsafeMutablePointer<Float> { shifts.base + head * padded }
    func factor(_ head: Int) -> UnsafeMutablePointer<Float> { factors.base + head * length }

    var bytes: Int { scales.byteCount + shifts.byteCount + factors.byteCount }
  }

  let queries, keys: Side

  init(_ stage: FeatureAttention, shape: AttentionShape) {
    let hasFactors = stage.statistic?.hasFactors == true
    queries = Side(
      heads: shape.batch * shape.queryHeads, length: shape.queryLength, width: shape.headDim,
      hasFactors: hasFactors)
    keys = Side(
      heads: stage.stateHeads(shape: shape), length: shape.keyLength, width: shape.headDim,
      hasFactors: hasFactors)
  }

  var bytes: Int { queries.bytes + keys.bytes }
}

extension Statistic {
  /// Whether it gives every token a factor.
  var hasFactors: Bool {
    switch self {
    case .similarityToMeanQuery, .flow: true
    case .keyMaxima, .keyMeans, .logNormal, .largestNorms: false
    }
  }
}
