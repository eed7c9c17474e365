// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attention block by block: own queries under the causal mask, then the gathered ones.
final class ByBlockPass: SelectedPass, @unchecked Sendable {
  private let stage: AttendSelected
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let routes: BlockRoutes
  private let scratch: Workspace
  /// Causal schedules of a whole block and of the last, possibly shorter one.
  private let wholeBlock: ScheduleMemory
  private let lastBlock: ScheduleMemory
  /// Log-sum-exp of the output rows `[heads, queryLength]`.
  private let logSumExp: Tensor<Float>
  /// Partial rows `[heads, queryLength, topK - 1, valueDim]` with their log-sum-exp.
  private let partial: Tensor<Float>
  private let partialLogSumExp: Tensor<Float>
  private static let queriesPerMerge = 256

  init(
    _ stage: AttendSelected, shape: AttentionShape, context: ExecutionContext, routes: BlockRoutes
  ) {
    self.stage = stage
    self.shape = shape
    self.context = context
    self.routes = routes
    let tile = context.kernels.tile
    let last = shape.keyLength - (routes.blockCount - 1) * stage.blockSize
    wholeBlock = ScheduleMemory(
      TileSchedule(causalBlock: min(stage.blockSize, shape.keyLength), tile: tile))
    lastBlock = ScheduleMemory(TileSchedule(causalBlock: last, tile: tile))
    let heads = shape.batch * shape.queryHeads
    logSumExp = Tensor([heads, shape.queryLength])
    let partialRows = shape.queryLength * (stage.topK - 1)
    partial = Tensor([heads, partialRows, shape.valueDim])
    partialLogSumExp = Tensor([heads, partialRows])
    let bytes = context.kernels.tiled.strip_bytes(Int32(shape.headDim), Int32(shape.valueDim))
    scratch = Workspace(bytesPerWorker: bytes, workers: context.pool.count)
  }

  var bytes: Int {
    scratch.bytes + wholeBlock.bytes + lastBlock.bytes + logSumExp.byteCount + partial.byteCount
      + partialLogSumExp.byteCount
  }

  var attendUnits: Int { shape.batch * shape.queryHeads * routes.blockCount }
  var mergeUnits: Int { shape.batch * shape.queryHeads * mergesPerHead }

  func attend(
    unit: Int, worker: Int, operands: AttendOperands, chooser: BlockChooser, board: CountBoard
  ) {
    let (head, block) = unit.quotientAndRemainder(dividingBy: routes.blockCount)
    let at = operands.head(head, shape: shape)
    attendOwn(block: block, head: head, at: at, worker: worker, board: board)
    attendRouted(block: block, head: head, at: at, worker: worker, board: board)
  }

  private func attendOwn(
    block: Int, head: Int, at: AttendOperands.Head, worker: Int, board: CountBoard
  ) {
    let schedule = block == routes.blockCount - 1 ? lastBlock : wholeBlock
    let first = block * stage.blockSize
    let lse = logSumExp.base + head * shape.queryLength + first
    for (index, strip) in schedule.strips.enumerated() {
      let rows = stripRows(schedule, index)
      attend(
        rows, next: stripRows(schedule, index + 1), runs: schedule.runs + strip.runs.lowerBound,
        runCount: strip.runs.count, masks: schedule.masks, at: at, firstRow: first,
        firstKey: first,
        output: at.output + first * shape.valueDim, logSumExp: lse, worker: worker, board: board)
      board.add(
        worker: worker, keyRows: schedule.keyRows(strip), queryRows: strip.queries.count, shape)
    }
  }

  private func attendRouted(
    block: Int, head: Int, at: AttendOperands.Head, worker: Int, board: CountBoard
  ) {
    let route = routes.route(head: head, block: block)
    let first = block * stage.blockSize
    var run = attn_run_t(first_key: 0, count: Int32(stage.blockSize), step: 1, mask: -1)
    let partialRows = shape.queryLength * (stage.topK - 1)
    let lanes = context.kernels.tile.lanes
    for start in Swift.stride(from: 0, to: route.count, by: lanes) {
      let count = min(lanes, route.count - start)
      let rows = StripRows(
        queries: route.queries + start, outputs: route.places + start, count: count)
      let after = start + count
      let next = StripRows(
        queries: route.queries + after, outputs: route.places + after,
        count: min(lanes, route.count - after))
      attend(
        rows, next: next, runs: &run, runCount: 1, masks: wholeBlock.masks, at: at, firstRow: 0,
        firstKey: first, output: partial.base + head * partialRows * shape.valueDim,
        logSumExp: partialLogSumExp.base + head * partialRows, worker: worker, board: board)
      board.add(worker: worker, keyRows: stage.blockSize, queryRows: count, shape)
      board.add(worker: worker, elementsSorted: 0, rowsGathered: count)
    }
  }

  private func stripRows(_ schedule: ScheduleMemory, _ index: Int) -> StripRows {
    guard index < schedule.stripCount else {
      return StripRows(queries: schedule.queries, outputs: schedule.queries, count: 0)
    }
    let strip = schedule.strips[index].queries
    let ids = schedule.queries + strip.lowerBound
    return StripRows(queries: ids, outputs: ids, count: strip.count)
  }

  private struct StripRows {
    let queries, outputs: UnsafePointer<Int32>
    let count: Int
  }

  private func attend(
    _ rows: StripRows, next: StripRows, runs: UnsafePointer<attn_run_t>, runCount: Int,
    masks: UnsafePointer<UInt32>, at: AttendOperands.Head, firstRow: Int, firstKey: Int,
    output: UnsafeMutablePointer<Float>, logSumExp: UnsafeMutablePointer<Float>, worker: Int,
    board: CountBoard
  ) {
    let kernels = context.kernels.tiled
    let memory = scratch[worker]
    let (headDim, valueDim) = (shape.headDim, shape.valueDim)
    kernels.load(
      memory, at.query + firstRow * headDim, headDim, rows.queries, Int32(rows.count),
      Int32(headDim), Int32(valueDim), shape.kernelScale)
    if next.count > 0 {
      // The keys are those of the strip at hand, or its next ones in order: already in the caches.
      var announcement = attn_tiled_next_t(
        queries: at.query + firstRow * headDim, keys: at.key, values: at.value,
        outputs: UnsafePointer(output), query_stride: headDim, key_stride: headDim,
        value_stride: valueDim, output_stride: valueDim, query_ids: next.queries,
        output_ids: next.outputs, key_ids: nil, count: Int32(next.count), key_count: 0)
      kernels.announce?(memory, &announcement)
    }
    kernels.attend(
      memory, at.key + firstKey * headDim, headDim, at.value + firstKey * valueDim, valueDim, nil,
      runs, Int32(runCount), masks, board[worker])
    kernels.store(memory, output, valueDim, rows.outputs, Int32(rows.count), logSumExp)
  }

  func merge(unit: Int, operands: AttendOperands) {
    let (head, part) = unit.quotientAndRemainder(dividingBy: mergesPerHead)
    let output = operands.head(head, shape: shape).output
    let lse = logSumExp.base + head * shape.queryLength
    let ranks = stage.topK - 1
    let first = part * Self.queriesPerMerge
    let merge = context.kernels.select.merge_row
    for query in first..<min(first + Self.queriesPerMerge, shape.queryLength) {
      for rank in 0..<min(ranks, query / stage.blockSize) {
        let place = (head * shape.queryLength + query) * ranks + rank
        merge?(
          output + query * shape.valueDim, lse + query, partial.base + place * shape.valueDim,
          partialLogSumExp[place], Int32(shape.valueDim))
      }
    }
  }

  private var mergesPerHead: Int {
    (shape.queryLength + Self.queriesPerMerge - 1) / Self.queriesPerMerge
  }
}
