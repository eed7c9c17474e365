// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Quantised keys and values of every key-value head, queries and offsets of every query head.
final class QuantisedHeads: @unchecked Sendable {
  let shape: AttentionShape
  let plan: QuantisationPlan
  let keyForm: attn_keys_t
  /// Rows of keys and values, zeros behind the last.
  let paddedKeys: Int
  let keyRowBytes: Int
  let heads: UnsafeMutablePointer<attn_quantised_head_t>
  /// Keys after smoothing and rotation in Float32, while they are quantised and scored with means.
  let smoothKeys: Tensor<Float>
  let keyMeans: Tensor<Float>
  let keys: UnsafeMutableRawPointer
  let keyScales: Tensor<Float>
  let keySums: UnsafeMutablePointer<Int32>
  let values: Tensor<Float>
  let valueScales: Tensor<Float>
  let valueMeans: Tensor<Float>
  let queries: Tensor<Float>
  let queryScales: Tensor<Float>
  /// Products of mean queries with keys `[query heads, groups, padded keys]`.
  let offsets: Tensor<Float>
  let queryGroups: Int
  private let headCount: Int
  private let keyBytes: Int

  init(plan: QuantisationPlan, shape: AttentionShape, kernels: attn_quantised_kernels_t) {
    self.shape = shape
    self.plan = plan
    keyForm = Self.keyForm(plan)
    headCount = shape.batch * shape.keyValueHeads
    let queryHeads = shape.batch * shape.queryHeads
    paddedKeys = (shape.keyLength + plan.keyBlock - 1) / plan.keyBlock * plan.keyBlock
    keyRowBytes = kernels.row_bytes(keyForm, Int32(shape.headDim))
    queryGroups = plan.smoothedQueries.map { (shape.queryLength + $0 - 1) / $0 } ?? 0
    smoothKeys = Tensor([headCount, shape.keyLength, shape.headDim])
    keyMeans = Tensor([headCount, shape.headDim])
    keyBytes = headCount * paddedKeys * keyRowBytes
    keys = NumberMemory.allocate(byteCount: keyBytes)
    // A nibble of a zero code is 8; codes of keys that are not there are masked anyway.
    keys.initializeMemory(as: UInt8.self, repeating: 0, count: keyBytes)
    keyScales = Tensor([headCount, paddedKeys])
    keySums = .allocate(capacity: headCount * paddedKeys)
    keySums.initialize(repeating: 0, count: headCount * paddedKeys)
    values = Tensor([headCount, paddedKeys, shape.valueDim])
    valueScales = Tensor([headCount, shape.valueDim])
    valueMeans = Tensor([headCount, shape.valueDim])
    queries = Tensor([queryHeads, shape.queryLength, shape.headDim])
    queryScales = Tensor([queryHeads, shape.queryLength])
    offsets = Tensor([queryHeads, max(queryGroups, 1), queryGroups > 0 ? paddedKeys : 1])
    for index in 0..<keyScales.count { keyScales[index] = 0 }
    for index in 0..<values.count { values[index] = 0 }
    for index in 0..<offsets.count { offsets[index] = 0 }
    heads = .allocate(capacity: headCount)
    for head in 0..<headCount {
      heads[head] = attn_quantised_head_t(
        keys: keys + head * paddedKeys * keyRowBytes,
        key_scales: keyScales.base + head * paddedKeys,
        key_sums: keySums + head * paddedKeys,
        values: values.base + head * paddedKeys * shape.valueDim,
        value_scales: valueScales.base + head * shape.valueDim,
        value_means: plan.smoothsValues
          ? UnsafePointer(valueMeans.base + head * shape.valueDim) : nil)
    }
  }

  private static func keyForm(_ plan: QuantisationPlan) -> attn_keys_t {
    switch plan.key.format {
    case .number(.int8): ATTN_KEYS_INT8
    case .number(.int4): ATTN_KEYS_INT4
    default: ATTN_KEYS_F32
    }
  }

  /// What ``bytes`` will be, before anything is taken; single rows are left out.
  static func bytes(
    plan: QuantisationPlan, shape: AttentionShape, kernels: attn_quantised_kernels_t
  ) -> Int {
    let keyHeads = shape.batch * shape.keyValueHeads
    let padded = (shape.keyLength + plan.keyBlock - 1) / plan.keyBlock * plan.keyBlock
    let codes = kernels.row_bytes(keyForm(plan), Int32(shape.headDim))
    let groups = plan.smoothedQueries.map { (shape.queryLength + $0 - 1) / $0 } ?? 0
    // Smoothed keys, their codes with scale and sum, values; queries with scale, offsets.
    let keys = keyHeads * (4 * shape.keyLength * shape.headDim + padded * (codes + 8))
    let values = 4 * keyHeads * padded * shape.valueDim
    let queries = shape.queryLength * (shape.headDim + 1) + groups * padded
    return keys + values + 4 * shape.batch * shape.queryHeads * queries
  }

  deinit {
    keys.deallocate()
    keySums.deallocate()
    heads.deallocate()
  }

  var bytes: Int {
    keyBytes + 4 * headCount * paddedKeys
      + [
        smoothKeys, keyMeans, keyScales, values, valueScales, valueMeans, queries, queryScales,
        offsets,
      ].reduce(0) { $0 + $1.byteCount }
  }

  /// What is added to the scores of a strip that starts with `query`, if queries are smoothed.
  func offsets(head: Int, query: Int) -> UnsafePointer<Float>? {
    guard let group = plan.smoothedQueries else { return nil }
    return UnsafePointer(offsets.base + (head * queryGroups + query / group) * paddedKeys)
  }
}
