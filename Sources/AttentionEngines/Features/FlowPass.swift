// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Incoming and outgoing flows of one head: factors of its queries and of its keys.
struct FlowPass {
  let shape: AttentionShape
  let blocks: MappedBlocks
  let epsilon: Float

  private var kernels: attn_features_kernels_t { blocks.kernels }
  private var stride: Int { blocks.stride }

  /// - Requires: `scratch` is two blocks of rows and six more rows.
  func run(
    _ head: AttendOperands.Head, queryFactor: UnsafeMutablePointer<Float>,
    keyFactor: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    let rest = scratch + 2 * Int(ATTN_ROW_BLOCK) * stride
    rest.update(repeating: 0, count: 6 * stride)
    if shape.isCausal {
      causal(head, queryFactor, keyFactor, scratch, rest)
    } else {
      everywhere(head, queryFactor, keyFactor, scratch, rest)
    }
  }

  private func everywhere(
    _ head: AttendOperands.Head, _ queryFactor: UnsafeMutablePointer<Float>,
    _ keyFactor: UnsafeMutablePointer<Float>, _ features: UnsafeMutablePointer<Float>,
    _ sums: UnsafeMutablePointer<Float>
  ) {
    let width = Int32(shape.headDim)
    let (queries, keys) = (sums, sums + stride)
    let (taken, kept) = (sums + 2 * stride, sums + 3 * stride)
    blocks.map(head.query, shape.queryLength, features) { rows in
      kernels.column_sum(features, stride, Int32(rows.count), width, nil, queries)
    }
    blocks.map(head.key, shape.keyLength, features) { rows in
      kernels.column_sum(features, stride, Int32(rows.count), width, nil, keys)
    }
    // Every query takes in what the keys give out, every key gives to the queries.
    balance(head.query, shape.queryLength, features, against: keys, taken, queryFactor)
    balance(head.key, shape.keyLength, features, against: queries, kept, keyFactor)
    blocks.map(head.query, shape.queryLength, features) { rows in
      let flows = sums + 4 * stride
      kernels.row_dots(features, stride, Int32(rows.count), width, kept, epsilon, flows)
      kernels.sigmoids(
        flows, Int64(rows.count), Float(shape.queryLength) / Float(shape.keyLength))
      for row in 0..<rows.count { queryFactor[rows.lowerBound + row] *= flows[row] }
    }
    blocks.map(head.key, shape.keyLength, features) { rows in
      let flows = keyFactor + rows.lowerBound
      kernels.row_dots(features, stride, Int32(rows.count), width, taken, epsilon, flows)
      for row in 0..<rows.count { flows[row] = min(max(flows[row], -1), 1) }
    }
    let sum = kernels.exponentials(keyFactor, Int64(shape.keyLength), 1)
    let share = Float(shape.keyLength) / sum
    for key in 0..<shape.keyLength { keyFactor[key] *= share }
  }

  /// Factors `1 / flow` of rows, and the sum of rows times their factors.
  private func balance(
    _ rows: UnsafePointer<Float>, _ count: Int, _ features: UnsafeMutablePointer<Float>,
    against other: UnsafeMutablePointer<Float>, _ sum: UnsafeMutablePointer<Float>,
    _ factor: UnsafeMutablePointer<Float>
  ) {
    let width = Int32(shape.headDim)
    blocks.map(rows, count, features) { block in
      let at = factor + block.lowerBound
      kernels.row_dots(features, stride, Int32(block.count), width, other, epsilon, at)
      for row in 0..<block.count { at[row] = 1 / at[row] }
      kernels.column_sum(features, stride, Int32(block.count), width, at, sum)
    }
  }

  private func causal(
    _ head: AttendOperands.Head, _ queryFactor: UnsafeMutablePointer<Float>,
    _ keyFactor: UnsafeMutablePointer<Float>, _ features: UnsafeMutablePointer<Float>,
    _ state: UnsafeMutablePointer<Float>
  ) {
    let other = features + Int(ATTN_ROW_BLOCK) * stride
    var flow = attn_flow_t(width: Int32(shape.headDim), eps: epsilon)
    blocks.map(head.query, shape.queryLength, features) { rows in
      blocks.map(head.key + rows.lowerBound * shape.headDim, rows.count, other) { _ in
        kernels.causal_flow(
          &flow, features, other, stride, Int32(rows.count), Int64(rows.lowerBound), state,
          queryFactor + rows.lowerBound, keyFactor + rows.lowerBound)
      }
    }
  }
}
