// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Weights of keys by their similarity to the mean query, and their features, found for a chunk ahead of
/// its products (rank-augmented linear attention, arXiv:2411.07635, equation 5).
///
/// Weights are relative to about the largest, and are not divided by their sum yet. Queries are mapped
/// once, for their mean and for the products.
final class KeyWeights: @unchecked Sendable {
  private let shape: AttentionShape
  private let store: StatisticStore
  private let kernels: attn_features_kernels_t
  /// Maps rows, and finds their products with a sum.
  private let steps: UnsafeMutablePointer<attn_row_op_t>

  init(shape: AttentionShape, store: StatisticStore, kernels: attn_features_kernels_t) {
    self.shape = shape
    self.store = store
    self.kernels = kernels
    var step = attn_row_op_t()
    step.kind = ATTN_ROW_ELU1
    step.width = Int32(shape.headDim)
    step.width_out = step.width
    steps = .allocate(capacity: 2)
    steps.initialize(repeating: step, count: 2)
    steps[1].kind = ATTN_ROW_MARK
  }

  deinit {
    steps.deallocate()
  }

  // Keys have neither shifts nor scales of their own here.
  private func mean(_ head: Int) -> UnsafeMutablePointer<Float> { store.keys.shift(head) }
  private func largest(_ head: Int) -> UnsafeMutablePointer<Float> { store.keys.scale(head) }

  /// Maps the queries of a head, and finds their mean and the largest product of a sample of its keys with
  /// it.
  ///
  /// - Requires: `scratch` has room for a block of rows.
  func describe(
    _ at: AttendOperands.Head, head: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let mean = mean(head)
    mean.update(repeating: 0, count: store.keys.padded)
    kernels.map_rows(
      steps, at.query, shape.headDim, Int32(shape.queryLength), store.queries.rows(head),
      store.queries.padded, mean, nil)
    let factor = Float(shape.softmaxScale / Double(shape.queryLength))
    for channel in 0..<shape.headDim { mean[channel] *= factor }
    let count = min(shape.keyLength, Statistic.sampledKeys)
    find(at.key, shape.keyLength / count * shape.headDim, count, head: head, scratch: scratch)
  }

  /// Finds the largest product of all keys.
  func findLargest(
    of at: AttendOperands.Head, head: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    find(at.key, shape.headDim, shape.keyLength, head: head, scratch: scratch)
  }

  private func find(
    _ keys: UnsafePointer<Float>, _ distance: Int, _ count: Int, head: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let products = store.keys.factor(head)
    map(keys, distance, count, scratch: scratch, sums: mean(head), products: products)
    largest(head)[0] = kernels.largest(products, Int64(count))
  }

  /// Writes features of some keys of a head, makes weights of their factors and returns the sum of these.
  func weigh(
    _ keys: Range<Int>, of at: AttendOperands.Head, head: Int,
    into features: UnsafeMutablePointer<Float>, _ stride: Int
  ) -> Float {
    let weights = store.keys.factor(head) + keys.lowerBound
    map(
      at.key + keys.lowerBound * shape.headDim, shape.headDim, keys.count, into: features, stride,
      scratch: features, sums: mean(head), products: weights)
    return kernels.exponentials(weights, Int64(keys.count), largest(head)[0])
  }

  private func map(
    _ rows: UnsafePointer<Float>, _ distance: Int, _ count: Int,
    into mapped: UnsafeMutablePointer<Float>? = nil, _ stride: Int = 0,
    scratch block: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>,
    products: UnsafeMutablePointer<Float>
  ) {
    var scratch = attn_row_scratch_t()
    scratch.sums = sums
    scratch.first = block
    scratch.stride = store.keys.padded
    for first in Swift.stride(from: 0, to: count, by: Int(ATTN_ROW_BLOCK)) {
      scratch.products = products + first
      kernels.apply(
        steps, 2, rows + first * distance, distance, Int32(min(Int(ATTN_ROW_BLOCK), count - first)),
        Int64(first), mapped.map { $0 + first * stride }, stride, &scratch)
    }
  }
}
