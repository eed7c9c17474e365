// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Incoming and outgoing flows of one head: factors of its queries and of its keys.
///
/// Rows are mapped once; later passes and the products read what the first pass left.
struct FlowPass {
  /// Queries or keys of a head: their mapped rows, and the factors to be found.
  struct Rows {
    let mapped: UnsafeMutablePointer<Float>
    let factor: UnsafeMutablePointer<Float>
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

  private func everywhere(
    _ head: AttendOperands.Head, _ queries: Rows, _ keys: Rows,
    _ sums: UnsafeMutablePointer<Float>
  ) {
    let (querySum, keySum) = (sums, sums + stride)
    let (taken, kept) = (sums + 2 * stride, sums + 3 * stride)
    let (queryCount, keyCount) = (shape.queryLength, shape.keyLength)
    blocks.map(head.query, queryCount, into: queries.mapped) { block, features in
      kernels.column_sum(features, stride, Int32(block.count), width, nil, querySum)
    }
    blocks.map(head.key, keyCount, into: keys.mapped) { block, features in
      kernels.column_sum(features, stride, Int32(block.count), width, nil, keySum)
    }
    // Every query takes in what the keys give out, every key gives to the queries.
    balance(queries, queryCount, against: keySum, taken)
    balance(keys, keyCount, against: querySum, kept)
    blocks.walk(queries.mapped, queryCount) { block, features in
      let (flows, factor) = (sums + 4 * stride, queries.factor + block.lowerBound)
      for first in Swift.stride(from: 0, to: block.count, by: 2 * stride) {
        let rows = min(2 * stride, block.count - first)
        kernels.row_dots(
          features + first * stride, stride, Int32(rows), width, kept, epsilon, flows)
        kernels.sigmoids(flows, Int64(rows), Float(queryCount) / Float(keyCount))
        for row in 0..<rows { factor[first + row] *= flows[row] }
      }
    }
    blocks.walk(keys.mapped, keyCount) { block, features in
      let flows = keys.factor + block.lowerBound
      kernels.row_dots(features, stride, Int32(block.count), width, taken, epsilon, flows)
      for row in 0..<block.count { flows[row] = min(max(flows[row], -1), 1) }
    }
    let sum = kernels.exponentials(keys.factor, Int64(keyCount), 1)
    let share = Float(keyCount) / sum
    for key in 0..<keyCount { keys.factor[key] *= share }
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
