// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Incoming and outgoing flows of one head: factors of its queries and of its keys.
///
/// Rows are mapped once; later passes and the products read what the first pass left.
struct FlowPass {
  /// Queries or keys of a head: their mapped rows, the factors to be found, and what the other side's
  /// factors make of it.
  struct Rows {
    let mapped: UnsafeMutablePointer<Float>
    let factor: UnsafeMutablePointer<Float>
    let conserved: UnsafeMutablePointer<Float>

    init(_ side: StatisticStore.Side, head: Int) {
      mapped = side.rows(head)
      factor = side.factor(head)
      conserved = side.shift(head)
    }
  }

  let shape: AttentionShape
  let blocks: MappedBlocks
  let epsilon: Float

  private var kernels: attn_features_kernels_t { blocks.kernels }
  private var stride: Int { blocks.stride }
  private var width: Int32 { Int32(shape.headDim) }

  /// - Requires: `scratch` is six rows.
  func run(
    _ head: AttendOperands.Head, _ queries: Rows, _ keys: Rows,
    scratch: UnsafeMutablePointer<Float>
  ) {
    scratch.update(repeating: 0, count: 6 * stride)
    everywhere(head, queries, keys, scratch)
  }

  /// Intake and outflow of every token, and what is conserved of either side; ``FlowShares`` does the
  /// rest.
  private func everywhere(
    _ head: AttendOperands.Head, _ queries: Rows, _ keys: Rows,
    _ sums: UnsafeMutablePointer<Float>
  ) {
    let (querySum, keySum) = (sums, sums + stride)
    let (queryCount, keyCount) = (shape.queryLength, shape.keyLength)
    blocks.map(head.query, queryCount, into: queries.mapped, sums: querySum)
    blocks.map(head.key, keyCount, into: keys.mapped, sums: keySum)
    keys.conserved.update(repeating: 0, count: stride)
    queries.conserved.update(repeating: 0, count: stride)
    // Every query takes in what the keys give out, every key gives to the queries.
    balance(queries, queryCount, against: keySum, keys.conserved)
    balance(keys, keyCount, against: querySum, queries.conserved)
  }

  /// Factors `1 / flow` of rows, and the sum of rows times their factors.
  private func balance(
    _ rows: Rows, _ count: Int, against other: UnsafeMutablePointer<Float>,
    _ sum: UnsafeMutablePointer<Float>
  ) {
    blocks.walk(rows.mapped, count) { block, features in
      kernels.balance_rows(
        features, stride, Int32(block.count), width, other, epsilon,
        rows.factor + block.lowerBound, sum)
    }
  }
}

/// What flows without causality come to once those of all tokens are known, found for a chunk ahead of
/// its products, which read the same rows.
struct FlowShares {
  let shape: AttentionShape
  let store: StatisticStore
  let kernels: attn_features_kernels_t
  let epsilon: Float

  /// Makes factors of keys their competition, and returns the sum that they are to be divided by.
  func compete(_ keys: Range<Int>, head: Int) -> Float {
    let flows = store.keys.factor(head) + keys.lowerBound
    dots(of: store.keys, keys, head: head, into: flows)
    for key in 0..<keys.count { flows[key] = min(max(flows[key], -1), 1) }
    return kernels.exponentials(flows, Int64(keys.count), 1)
  }

  /// Multiplies factors of queries by their allocation.
  func allocate(
    to queries: Range<Int>, head: Int, scratch flows: UnsafeMutablePointer<Float>
  ) {
    let factors = store.queries.factor(head) + queries.lowerBound
    dots(of: store.queries, queries, head: head, into: flows)
    kernels.sigmoids(
      flows, Int64(queries.count), Float(shape.queryLength) / Float(shape.keyLength))
    for query in 0..<queries.count { factors[query] *= flows[query] }
  }

  private func dots(
    of side: StatisticStore.Side, _ rows: Range<Int>, head: Int,
    into flows: UnsafeMutablePointer<Float>
  ) {
    kernels.row_dots(
      side.rows(head) + rows.lowerBound * side.padded, side.padded, Int32(rows.count),
      Int32(shape.headDim), side.shift(head), epsilon, flows)
  }
}
