// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The decode engine: groups of query rows against ranges of keys, joined in order.
///
/// A unit of work is one range of one key-value head for up to 64 rows. The cache is prepared when
/// `run` meets other key or value tensors than before (``cachePackings`` counts it) and reused
/// otherwise, as one decode step after the other does; a timed repetition is a step alone.
final class PreparedDecode: PreparedAttention, @unchecked Sendable {
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let kernels: attn_decode_kernels_t
  private let precision: DecodePrecision
  private let plan: UnsafeMutablePointer<attn_decode_plan_t>
  private let cache: DecodeCache
  private let partials: DecodePartials
  private let scratch: Workspace
  private let board: CountBoard
  private var operands: AttendOperands?
  private var attendBody: WorkerPool.UnitBody?
  private var joinBody: WorkerPool.UnitBody?
  private var readBody: WorkerPool.UnitBody?
  /// What ``readCache()`` read, folded, so that nothing of it can be left out.
  private let checksums: UnsafeMutablePointer<Int32>

  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  init(_ stage: Decode, shape: AttentionShape, context: ExecutionContext) {
    self.shape = shape
    self.context = context
    kernels = context.kernels.decode
    precision = stage.keyValuePrecision
    plan = .allocate(capacity: 1)
    plan.initialize(
      to: attn_decode_plan_t(
        format: Self.format(stage.keyValuePrecision), head_dim: Int32(shape.headDim),
        value_dim: Int32(shape.valueDim), scale: shape.kernelScale))
    expectedCounts = stage.expectedCounts(shape: shape)
    cache = DecodeCache(shape: shape, kernels: kernels, plan: plan)
    partials = DecodePartials(stage, shape: shape)
    scratch = Workspace(bytesPerWorker: kernels.state_bytes(plan), workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    checksums = .allocate(capacity: context.pool.count)
    checksums.initialize(repeating: 0, count: context.pool.count)
    attendBody = { [unowned self] worker, unit in attend(worker: worker, unit: unit) }
    joinBody = { [unowned self] worker, head in join(worker: worker, head: head) }
    readBody = { [unowned self] worker, unit in readPart(worker: worker, unit: unit) }
  }

  deinit {
    checksums.deallocate()
    plan.deallocate()
  }

  var workspaceBytes: Int { scratch.bytes + cache.bytes + partials.bytes }

  /// How often the packed cache was made.
  var cachePackings: Int { cache.packings }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs, let attendBody, let joinBody
    else { preconditionFailure("decode attention takes query, key and value") }
    cache.use(key: key, value: value, pool: context.pool)
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    let keyValueHeads = shape.batch * shape.keyValueHeads
    context.pool.run(units: keyValueHeads * partials.unitsPerHead, attendBody)
    context.pool.run(units: keyValueHeads, joinBody)
    counts = board.sum
  }

  /// Reads the cache that the last run met once, and does nothing with it.
  func readCache() {
    guard operands != nil, let readBody else { return }
    context.pool.run(
      units: shape.batch * shape.keyValueHeads * context.pool.count, readBody)
  }

  /// Every worker's share of a head is one stretch: the longer, the faster it is read.
  private func readPart(worker: Int, unit: Int) {
    let (head, part) = (unit / context.pool.count, unit % context.pool.count)
    let units = (shape.keyLength + Decode.rangeUnit - 1) / Decode.rangeUnit
    let first = units * part / context.pool.count * Decode.rangeUnit
    let last = min(units * (part + 1) / context.pool.count * Decode.rangeUnit, shape.keyLength)
    guard first < last else { return }
    checksums[worker] ^= kernels.read(plan, cache[head], Int32(first), Int32(last))
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands else { return }
    let head = unit / partials.unitsPerHead
    let chunk = unit % partials.unitsPerHead / partials.ranges
    let range = unit % partials.ranges
    let rows = partials.rows(chunk: chunk)
    let keys = partials.keys(chunk: chunk, range: range)
    let state = scratch[worker]
    var queries = attn_decode_queries_t(
      q: operands.query.base + head * partials.rowCount * shape.headDim,
      head_stride: shape.queryLength * shape.headDim, query_stride: shape.headDim,
      group: Int32(shape.headGroup), visible: partials.visible)
    kernels.load(state, plan, &queries, Int32(rows.lowerBound), Int32(rows.count))
    if !keys.isEmpty {
      kernels.attend(
        state, plan, cache[head], Int32(keys.lowerBound), Int32(keys.upperBound), board[worker])
    }
    let place = partials.place(head: head, range: range, row: rows.lowerBound)
    kernels.store(
      state, plan, cache[head], partials.output + place * shape.valueDim, shape.valueDim,
      partials.sums + 2 * place)
    // Queries are counted once, not once per range; keys of a range whenever rows meet it.
    let queryBytes = range == 0 ? 4 * rows.count * shape.headDim : 0
    board.add(
      worker: worker, bytesRead: queryBytes + cacheBytes(keys), bytesWritten: 0)
  }

  private func cacheBytes(_ keys: Range<Int>) -> Int {
    precision.cacheBytes(keys: keys.count, shape: shape)
  }

  /// Joins the ranges of all rows of one key-value head.
  private func join(worker: Int, head: Int) {
    guard let operands else { return }
    let group = shape.headGroup
    for row in 0..<partials.rowCount {
      let place = partials.place(head: head, range: 0, row: row)
      let target = (head * group + row % group) * shape.queryLength + row / group
      kernels.merge(
        partials.output + place * shape.valueDim, partials.rowCount * shape.valueDim,
        partials.sums + 2 * place, 2 * partials.rowCount, Int32(partials.ranges),
        Int32(shape.valueDim), operands.output.base + target * shape.valueDim)
    }
    board.add(
      worker: worker, bytesRead: 0, bytesWritten: 4 * partials.rowCount * shape.valueDim)
  }

  private static func format(_ precision: DecodePrecision) -> attn_decode_format_t {
    switch precision {
    case .float32: ATTN_DECODE_FLOAT32
    case .bfloat16: ATTN_DECODE_BFLOAT16
    case .int8: ATTN_DECODE_INT8
    }
  }
}
