// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Incoming and outgoing flows of one head, ahead of the products: mapped rows, factors of the queries,
/// and what keys are judged by.
///
/// Rows are mapped once; ``FlowShares`` and the products read what is left here. Keys are judged beside
/// their products, so that they come from memory once less.
struct FlowPass {
  /// Queries or keys of a head: their mapped rows, and factors to be found.
  struct Rows {
    let mapped: UnsafeMutablePointer<Float>
    let factor: UnsafeMutablePointer<Float>
    /// The sum of the other side's rows.
    let total: UnsafeMutablePointer<Float>
    /// The sum of the other side's rows, each times its factor: what is conserved of their flow.
    let conserved: UnsafeMutablePointer<Float>

    init(_ side: StatisticStore.Side, head: Int) {
      mapped = side.rows(head)
      factor = side.factor(head)
      total = side.scale(head)
      conserved = side.shift(head)
    }
  }

  let shape: AttentionShape
  let kernels: attn_features_kernels_t
  let epsilon: Float

  /// Maps the rows of both sides, weighs the queries and sums what keys are judged by (flow attention,
  /// arXiv:2202.06258, equations 4 to 8).
  func run(_ head: AttendOperands.Head, _ queries: Rows, _ keys: Rows) {
    let stride = Int(attn_row_padded(Int32(shape.headDim)))
    for sums in [queries.total, keys.total, keys.conserved] {
      sums.update(repeating: 0, count: stride)
    }
    var map = attn_row_op_t()
    map.kind = ATTN_ROW_SIGMOID
    map.width = Int32(shape.headDim)
    kernels.map_rows(
      &map, head.key, shape.headDim, Int32(shape.keyLength), keys.mapped, stride, queries.total,
      nil)
    // Every query takes in what the keys give out.
    var balance = attn_balance_t(
      other: queries.total, eps: epsilon, factor: queries.factor, conserved: keys.conserved)
    kernels.map_rows(
      &map, head.query, shape.headDim, Int32(shape.queryLength), queries.mapped, stride,
      keys.total, &balance)
  }
}

/// What flows without causality come to once those of all tokens are known, found for a chunk ahead of
/// its products, which read the same rows.
struct FlowShares {
  let shape: AttentionShape
  let store: StatisticStore
  let kernels: attn_features_kernels_t
  let epsilon: Float

  /// Where marks of a range of keys have what is conserved of its flow, behind the sum of its shares.
  static let conserved = 16

  /// Makes factors of keys their competition, adds what is conserved of their flow to `conserved`, and
  /// returns the sum that the factors are to be divided by.
  func compete(
    _ keys: Range<Int>, head: Int, conserved: UnsafeMutablePointer<Float>
  ) -> Float {
    let side = store.keys
    let flows = side.factor(head) + keys.lowerBound
    kernels.balance_rows(
      side.rows(head) + keys.lowerBound * side.padded, side.padded, Int32(keys.count),
      Int32(shape.headDim), side.scale(head), epsilon, flows, conserved, side.shift(head), flows)
    for key in 0..<keys.count { flows[key] = min(max(flows[key], -1), 1) }
    return kernels.exponentials(flows, Int64(keys.count), 1)
  }

  /// Writes what products with queries, raised by epsilon, are the logits of their allocation.
  func describeAllocation(
    _ conserved: UnsafePointer<Float>, into vector: UnsafeMutablePointer<Float>
  ) {
    let ratio = Float(shape.queryLength) / Float(shape.keyLength)
    for channel in 0..<shape.headDim {
      vector[channel] = ratio * (conserved[channel] + epsilon)
    }
  }
}
