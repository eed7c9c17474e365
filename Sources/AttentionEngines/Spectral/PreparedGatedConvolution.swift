// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Gated long convolutions: `k v`, convolved, times `q`.
///
/// A few heads at a time are gated into tokens of their own, all channels in one walk over the
/// inputs; convolved in place, 16 channels at a time; and gated out of them.
final class PreparedGatedConvolution: PreparedAttention, @unchecked Sendable {
  private let base: ConvolutionRun
  private let engine: ToeplitzBlocks
  private let filters: ToeplitzFilters
  /// Of heads that are in work.
  private let tokens: Workspace
  private let groups: Int
  private var jobs: [WorkerPool.Job] = []
  private var firstHead = 0

  private(set) var counts = EngineCounts()

  init(
    _ stage: LongConvolution, filter: ImplicitFilter, shape: AttentionShape, weights: WeightSet,
    context: ExecutionContext
  ) {
    let blocks = LongConvolution.blocks(shape: shape)
    engine = ToeplitzBlocks(blocks, kernels: context.kernels.convolve)
    groups = Self.groups(shape)
    filters = ToeplitzFilters(
      engine, units: shape.queryHeads * groups, isCausal: true, isShared: false)
    tokens = Workspace(
      bytesPerWorker: 4 * ToeplitzBlocks.tokenFloats(blocks, columns: shape.valueDim),
      workers: Self.heads(shape, workers: context.pool.count))
    base = ConvolutionRun(
      stage, shape: shape, context: context,
      scratchBytes: 4 * ToeplitzBlocks.spectraFloats(blocks))
    makeFilters(LongFilter(shape: shape, filter: filter, weights: weights))
    makeJobs()
  }

  private static func groups(_ shape: AttentionShape) -> Int {
    LongConvolution.paddedColumns(shape.valueDim) / ToeplitzBlocks.columns
  }

  /// Heads at a time: two units of work for every worker.
  static func heads(_ shape: AttentionShape, workers: Int) -> Int {
    min(shape.batch * shape.queryHeads, (2 * workers + groups(shape) - 1) / groups(shape))
  }

  private var shape: AttentionShape { base.shape }
  private var scratch: Workspace { base.scratch }
  private var board: CountBoard { base.board }
  var expectedCounts: EngineCounts? { base.expectedCounts }
  var workspaceBytes: Int {
    scratch.bytes + filters.bytes + tokens.bytes + ToeplitzBlocks.turnBytes(engine.blocks)
  }

  private func makeFilters(_ filter: LongFilter) {
    let hidden = filter.hidden()
    let lanes = ToeplitzBlocks.columns
    let length = shape.queryLength
    var columns = [Float](repeating: 0, count: lanes * length)
    for unit in 0..<shape.queryHeads * groups {
      let (head, group) = unit.quotientAndRemainder(dividingBy: groups)
      let count = min(lanes, shape.valueDim - group * lanes)
      columns.withUnsafeMutableBufferPointer { columns in
        guard let base = columns.baseAddress else { return }
        for column in 0..<count {
          filter.write(
            channel: head * shape.valueDim + group * lanes + column, hidden: hidden,
            into: base + column * length, factor: 1)
        }
        filters.set(unit, length: length) { column, distance in
          column < count ? base[column * length + distance] : 0
        }
      }
    }
  }

  private func makeJobs() {
    let heads = tokens.workers
    let blocks = engine.blocks.count
    jobs = [
      WorkerPool.Job(units: heads * blocks) { [unowned self] in
        take(worker: $0, slot: $1 / blocks, block: $1 % blocks)
      },
      WorkerPool.Job(units: heads * groups) { [unowned self] in
        convolve(worker: $0, slot: $1 / groups, group: $1 % groups)
      },
      WorkerPool.Job(units: heads * blocks) { [unowned self] in
        give(worker: $0, slot: $1 / blocks, block: $1 % blocks)
      },
    ]
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    base.begin(inputs, into: output)
    for first in stride(from: 0, to: shape.batch * shape.queryHeads, by: tokens.workers) {
      firstHead = first
      base.context.pool.run(jobs)
    }
    // Filters are read once for all batches; units do not know of each other.
    board.add(
      worker: 0, bytesRead: LongConvolution.filterBytes(shape: shape), bytesWritten: 0)
    counts = board.sum
  }

  /// Operands of the head in a slot, if any is left.
  private func head(_ slot: Int) -> AttendOperands.Head? {
    let head = firstHead + slot
    return head < shape.batch * shape.queryHeads ? base.head(head) : nil
  }

  private func tokens(_ slot: Int) -> UnsafeMutablePointer<Float> {
    tokens[slot].assumingMemoryBound(to: Float.self)
  }

  private func rows(_ values: UnsafePointer<Float>) -> attn_convolve_rows_t {
    attn_convolve_rows_t(
      values, stride: shape.valueDim, rows: shape.queryLength, columns: shape.valueDim)
  }

  /// Numbers of a block of one operand.
  private func elements(_ block: Int) -> Int {
    let first = block * engine.blocks.length
    return min(engine.blocks.length, shape.queryLength - first) * shape.valueDim
  }

  private func take(worker: Int, slot: Int, block: Int) {
    guard let at = head(slot) else { return }
    engine.take(rows(at.key), gate: at.value, block: block, into: tokens(slot))
    board.add(worker: worker, bytesRead: 2 * 4 * elements(block), bytesWritten: 0)
  }

  private func convolve(worker: Int, slot: Int, group: Int) {
    guard firstHead + slot < shape.batch * shape.queryHeads else { return }
    let columns =
      tokens(slot)
      + group * ToeplitzBlocks.tokenFloats(engine.blocks, columns: ToeplitzBlocks.columns)
    engine.convolve(
      columns, filter: filters[(firstHead + slot) % shape.queryHeads * groups + group],
      spectra: scratch[worker].assumingMemoryBound(to: Float.self), result: columns)
  }

  private func give(worker: Int, slot: Int, block: Int) {
    guard let at = head(slot) else { return }
    engine.give(tokens(slot), gate: at.query, block: block, to: rows(at.output))
    board.add(
      worker: worker, bytesRead: 4 * elements(block), bytesWritten: 4 * elements(block))
  }
}
