// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The engine of sliding neighborhoods in Float32: lanes of queries against shifts of their keys.
///
/// A unit of work is one part of the grid for all query heads of a key-value head; it packs the
/// keys and values of its windows as it reaches them.
final class PreparedDiagonal: PreparedAttention, @unchecked Sendable {
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let parts: DiagonalParts
  private let plan: UnsafeMutablePointer<attn_diagonal_plan_t>
  private let workspace: Workspace
  private let board: CountBoard
  private var operands: AttendOperands?
  private var body: WorkerPool.UnitBody?

  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  /// - Requires: `mask` is that of `stage` and slides.
  init(
    _ stage: Attend, mask: NeighborhoodMask, shape: AttentionShape, context: ExecutionContext
  ) {
    self.shape = shape
    self.context = context
    parts = DiagonalParts(mask, keyValueHeads: shape.batch * shape.keyValueHeads)
    plan = .allocate(capacity: 1)
    plan.initialize(to: attn_diagonal_plan_t(mask, shape: shape))
    workspace = Workspace(
      bytesPerWorker: context.kernels.diagonal.scratch_bytes(plan), workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    expectedCounts = stage.expectedDiagonalCounts(mask: mask, shape: shape)
    body = { [unowned self] worker, unit in attend(worker: worker, unit: unit) }
  }

  deinit {
    plan.deallocate()
  }

  var workspaceBytes: Int { workspace.bytes + MemoryLayout<attn_diagonal_plan_t>.size }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs, let body else {
      preconditionFailure("neighborhood attention takes query, key and value")
    }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    context.pool.run(units: shape.batch * shape.keyValueHeads * parts.queries.count, body)
    counts = board.sum
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands else { return }
    let (keyHead, part) = unit.quotientAndRemainder(dividingBy: parts.queries.count)
    let group = shape.headGroup
    // Query heads of a group follow each other, in every batch.
    let at = operands.head(keyHead * group, shape: shape)
    let queries = parts.queries[part]
    var heads = attn_diagonal_heads_t(
      q: at.query, k: at.key, v: at.value, o: at.output,
      q_head: shape.queryLength * shape.headDim, o_head: shape.queryLength * shape.valueDim,
      heads: Int32(group))
    context.kernels.diagonal.attend(
      plan, &heads, Int32(queries.lowerBound), Int32(queries.upperBound), workspace[worker],
      board[worker])
    board.add(worker: worker, keyRows: 0, queryRows: group * tokens(queries), shape)
    board.add(
      worker: worker,
      bytesRead: 4 * tokens(parts.keys[part]) * (shape.headDim + shape.valueDim), bytesWritten: 0)
  }

  private func tokens(_ positions: Range<Int>) -> Int { positions.count * parts.tokensPerPosition }
}

extension attn_diagonal_plan_t {
  fileprivate init(_ mask: NeighborhoodMask, shape: AttentionShape) {
    let missing = [Int32](repeating: 1, count: 3 - mask.axes.count)
    let lengths = missing + mask.axes.map { Int32($0.length) }
    let windows = missing + mask.axes.map { Int32($0.window) }
    self.init(
      lengths: (lengths[0], lengths[1], lengths[2]), windows: (windows[0], windows[1], windows[2]),
      head_dim: Int32(shape.headDim), value_dim: Int32(shape.valueDim), scale: shape.kernelScale)
  }
}
