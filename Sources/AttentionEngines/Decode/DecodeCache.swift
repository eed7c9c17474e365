// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Keys and values of every key-value head as the kernels read them.
///
/// They are pages, packed from the tensors and packed again only when other tensors come: storage
/// that is changed in place is not looked at again.
final class DecodeCache: @unchecked Sendable {
  private let shape: AttentionShape
  private let kernels: attn_decode_kernels_t
  private let plan: UnsafePointer<attn_decode_plan_t>
  private let pages: Workspace
  private let scales: Workspace?
  private let pageCount: Int
  private let pageBytes: Int
  private let pageKeys: Int
  private let heads: UnsafeMutablePointer<attn_decode_cache_t>
  // Held, so that no other tensor can come to lie at the same address.
  private var key: Tensor<Float>?
  private var value: Tensor<Float>?
  private var packBody: WorkerPool.UnitBody?
  /// How often the pages were made.
  private(set) var packings = 0

  init(
    shape: AttentionShape, kernels: attn_decode_kernels_t,
    plan: UnsafePointer<attn_decode_plan_t>
  ) {
    self.shape = shape
    self.kernels = kernels
    self.plan = plan
    let headCount = shape.batch * shape.keyValueHeads
    heads = .allocate(capacity: headCount)
    heads.initialize(repeating: attn_decode_cache_t(), count: headCount)
    pageKeys = Int(attn_decode_page_keys(plan.pointee.format))
    pageCount = (shape.keyLength + pageKeys - 1) / pageKeys
    pageBytes = attn_decode_page_bytes(plan)
    pages = Workspace(bytesPerWorker: pageCount * pageBytes, workers: headCount)
    scales =
      plan.pointee.format == ATTN_DECODE_INT8
      ? Workspace(
        bytesPerWorker: 8 * Int(attn_decode_value_columns(plan)), workers: headCount) : nil
    packBody = { [unowned self] _, head in pack(head: head) }
  }

  deinit {
    heads.deallocate()
  }

  /// Bytes of the pages.
  var bytes: Int { pages.bytes + (scales?.bytes ?? 0) }

  /// The cache of key-value head `index`, counted over the whole batch.
  subscript(index: Int) -> UnsafePointer<attn_decode_cache_t> { UnsafePointer(heads + index) }

  /// Makes the cache that of `key` and `value`; does nothing where it is already.
  func use(key: Tensor<Float>, value: Tensor<Float>, pool: WorkerPool) {
    guard self.key !== key || self.value !== value else { return }
    self.key = key
    self.value = value
    for head in 0..<shape.batch * shape.keyValueHeads {
      heads[head].k = UnsafePointer(key.base + head * shape.keyLength * shape.headDim)
      heads[head].v = UnsafePointer(value.base + head * shape.keyLength * shape.valueDim)
      heads[head].k_stride = shape.headDim
      heads[head].v_stride = shape.valueDim
    }
    guard let packBody else { return }
    pool.run(units: shape.batch * shape.keyValueHeads, packBody)
    packings += 1
  }

  private func pack(head: Int) {
    if let scales {
      let target = scales[head].assumingMemoryBound(to: Float.self)
      kernels.value_scales(
        plan, heads[head].v, shape.valueDim, Int32(shape.keyLength), target)
      heads[head].value_scales = UnsafePointer(target)
    }
    for page in 0..<pageCount {
      kernels.pack_page(
        plan, heads + head, Int32(page * pageKeys), Int32(shape.keyLength),
        pages[head] + page * pageBytes)
    }
    heads[head].pages = UnsafeRawPointer(pages[head])
  }
}
