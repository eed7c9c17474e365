// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Tiled softmax over chunks of keys by themselves, whose partial results are then merged.
///
/// A unit of work is one strip of one head: its partial results stay with the worker, and are merged
/// in order of the chunks, whichever worker it is.
final class PreparedChunkedSoftmax: PreparedAttention, @unchecked Sendable {
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let chunks: [ScheduleMemory]
  private let strips: [TileSchedule.Strip]
  private let scratch: Workspace
  /// One strip of partial output rows and their log-sum-exp per worker, and the merged ones.
  private let partial: Workspace
  private let board: CountBoard
  /// Output rows of a partial result: the lanes of the strip in order.
  private let lanes: UnsafeMutablePointer<Int32>
  private var operands: AttendOperands?
  private var body: WorkerPool.UnitBody?

  let tiles: TileCounts?
  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  init(_ stage: Attend, chunk: Int, shape: AttentionShape, context: ExecutionContext) {
    self.shape = shape
    self.context = context
    let schedules = stage.chunkSchedules(chunk, shape: shape, tile: context.kernels.tile)
    chunks = schedules.map(ScheduleMemory.init)
    strips = schedules[0].strips
    tiles = schedules.map(\.counts).reduce(into: TileCounts()) { $0.add(disjoint: $1) }
    expectedCounts = stage.expectedCounts(chunks: schedules, shape: shape)
    let stripBytes = context.kernels.tiled.strip_bytes(Int32(shape.headDim), Int32(shape.valueDim))
    scratch = Workspace(bytesPerWorker: stripBytes, workers: context.pool.count)
    partial = Workspace(
      bytesPerWorker: 4 * (2 * 32 + 32 * shape.valueDim), workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    lanes = .allocate(capacity: 32)
    for lane in 0..<32 { (lanes + lane).initialize(to: Int32(lane)) }
    body = { [unowned self] worker, unit in attend(worker: worker, unit: unit) }
  }

  deinit {
    lanes.deallocate()
  }

  var workspaceBytes: Int {
    scratch.bytes + partial.bytes + chunks.reduce(0) { $0 + $1.bytes }
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs, let body else {
      preconditionFailure("tiled softmax takes query, key and value")
    }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    context.pool.run(units: shape.batch * shape.queryHeads * strips.count, body)
    counts = board.sum
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands else { return }
    let (head, index) = unit.quotientAndRemainder(dividingBy: strips.count)
    let strip = strips.count - 1 - index
    let at = operands.head(head, shape: shape)
    let ids = chunks[0].queries + strips[strip].queries.lowerBound
    let merged = partial[worker].assumingMemoryBound(to: Float.self)
    let (logSumExp, rows) = (merged + 32, merged + 64)
    for (position, chunk) in chunks.enumerated() {
      attend(chunk, strip, at, rows: rows, logSumExp: logSumExp, worker: worker)
      for lane in 0..<strips[strip].queries.count {
        let output = at.output + Int(ids[lane]) * shape.valueDim
        let row = rows + lane * shape.valueDim
        if position == 0 {
          output.update(from: row, count: shape.valueDim)
          merged[lane] = logSumExp[lane]
        } else if logSumExp[lane] > -.infinity {
          context.kernels.select.merge_row(
            output, merged + lane, row, logSumExp[lane], Int32(shape.valueDim))
        }
      }
    }
    board.add(worker: worker, keyRows: 0, queryRows: strips[strip].queries.count, shape)
  }

  /// One strip against one chunk.
  private func attend(
    _ chunk: ScheduleMemory, _ index: Int, _ at: AttendOperands.Head,
    rows: UnsafeMutablePointer<Float>, logSumExp: UnsafeMutablePointer<Float>, worker: Int
  ) {
    let kernels = context.kernels.tiled
    let strip = chunk.strips[index]
    let count = Int32(strip.queries.count)
    let (headDim, valueDim) = (shape.headDim, shape.valueDim)
    kernels.load(
      scratch[worker], at.query, headDim, chunk.queries + strip.queries.lowerBound, count,
      Int32(headDim), Int32(valueDim), shape.kernelScale)
    kernels.attend(
      scratch[worker], at.key, headDim, at.value, valueDim, nil,
      chunk.runs + strip.runs.lowerBound, Int32(strip.runs.count), chunk.masks, board[worker])
    kernels.store(scratch[worker], rows, valueDim, lanes, count, logSumExp)
    board.add(worker: worker, keyRows: chunk.keyRows(strip), queryRows: 0, shape)
  }
}
