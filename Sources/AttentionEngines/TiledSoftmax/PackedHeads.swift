// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Packed keys and values of every key-value head, and query scales of every query head.
final class PackedHeads: @unchecked Sendable {
  let heads: UnsafeMutablePointer<attn_lowbit_packed_t>
  let means: UnsafeMutablePointer<Float>
  let queryScales: UnsafeMutablePointer<Float>
  let bytes: Int
  private let arena: Workspace
  private let headCount: Int

  init(
    kernels: attn_lowbit_kernels_t, plan: UnsafePointer<attn_lowbit_plan_t>, shape: AttentionShape
  ) {
    headCount = shape.batch * shape.keyValueHeads
    var sizes = [Int](repeating: 0, count: 5)
    kernels.packed_bytes(plan, Int32(shape.keyLength), &sizes)
    let padded = sizes.map { ($0 + 127) & ~127 }
    arena = Workspace(bytesPerWorker: padded.reduce(0, +), workers: headCount)
    heads = .allocate(capacity: headCount)
    for head in 0..<headCount {
      var next = arena[head]
      let places = padded.map { size in
        defer { next += size }
        return next
      }
      heads[head] = attn_lowbit_packed_t(
        keys: places[0], key_scales: places[1].assumingMemoryBound(to: Float.self),
        key_sums: places[2].assumingMemoryBound(to: Int32.self), values: places[3],
        value_scales: places[4].assumingMemoryBound(to: Float.self))
    }
    let meanCount = headCount * shape.headDim
    let scaleCount = shape.batch * shape.queryHeads * shape.queryLength
    means = .allocate(capacity: meanCount)
    means.initialize(repeating: .nan, count: meanCount)
    queryScales = .allocate(capacity: scaleCount)
    queryScales.initialize(repeating: .nan, count: scaleCount)
    bytes = arena.bytes + 4 * (meanCount + scaleCount)
  }

  deinit {
    heads.deallocate()
    means.deallocate()
    queryScales.deallocate()
  }
}
