// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Three attentions side by side, added with gates.
final class PreparedGatedBranches: PreparedAttention, @unchecked Sendable {
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let pooled: PooledBranch
  private let selected: PreparedSelectedSoftmax
  private let window: PreparedTiledSoftmax
  private let selectedOutput: Tensor<Float>
  private let windowOutput: Tensor<Float>
  private let gates: Tensor<Float>
  private let target = CurrentOperands()
  private var gateBody: WorkerPool.UnitBody?
  private static let rowsPerUnit = 256

  private(set) var counts = EngineCounts()

  init(
    _ stage: GatedBranches, shape: AttentionShape, weights: WeightSet, context: ExecutionContext
  ) {
    self.shape = shape
    self.context = context
    pooled = PooledBranch(stage.compression, shape: shape, context: context)
    selected = PreparedSelectedSoftmax(
      stage.selection, shape: shape, weights: weights, context: context)
    window = PreparedTiledSoftmax(
      stage.windowStage(shape: shape), shape: shape, weights: weights, context: context)
    selectedOutput = Tensor(shape.outputExtents)
    windowOutput = Tensor(shape.outputExtents)
    gates = weights[stage.gates]
    gateBody = { [unowned self] worker, unit in gate(worker: worker, unit: unit) }
  }

  var workspaceBytes: Int {
    pooled.bytes + selected.workspaceBytes + window.workspaceBytes + selectedOutput.byteCount
      + windowOutput.byteCount
  }

  var selection: Selection? { selected.selection }

  var expectedCounts: EngineCounts? {
    guard var sum = selected.expectedCounts, let slid = window.expectedCounts else { return nil }
    sum += slid
    sum += pooled.expectedCounts
    return sum
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs, let gateBody else {
      preconditionFailure("gated branches take query, key and value")
    }
    let operands = AttendOperands(query: query, key: key, value: value, output: output)
    pooled.run(operands)
    selected.run(inputs, into: selectedOutput)
    window.run(inputs, into: windowOutput)
    target.value = operands
    context.pool.run(units: shape.batch * shape.queryHeads * unitsPerHead, gateBody)
    counts = selected.counts
    counts += window.counts
    counts += pooled.counts
  }

  func select(_ inputs: AttentionInputs, into output: Tensor<Float>) -> Bool {
    selected.select(inputs, into: selectedOutput)
  }

  private var unitsPerHead: Int { (shape.queryLength + Self.rowsPerUnit - 1) / Self.rowsPerUnit }

  private func gate(worker: Int, unit: Int) {
    guard let output = target.value?.output else { return }
    let (head, part) = unit.quotientAndRemainder(dividingBy: unitsPerHead)
    let rows = part * Self.rowsPerUnit..<min((part + 1) * Self.rowsPerUnit, shape.queryLength)
    for row in rows {
      let gate = gates.base + (head % shape.queryHeads * shape.queryLength + row) * 3
      let first = (head * shape.queryLength + row) * shape.valueDim
      for index in first..<first + shape.valueDim {
        output[index] =
          gate[0] * output[index] + gate[1] * selectedOutput[index] + gate[2] * windowOutput[index]
      }
    }
  }
}

/// Attention to pooled keys that end no later than the query.
final class PooledBranch: @unchecked Sendable {
  private let compression: Compression
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let keys: CompressedKeys
  private let current = CurrentOperands()
  private let board: CountBoard
  private let scratch: Workspace
  private let ids: Workspace
  private let runMemory: StripRunMemory
  private var jobs: [WorkerPool.Job] = []

  private(set) var counts = EngineCounts()

  init(_ compression: Compression, shape: AttentionShape, context: ExecutionContext) {
    self.compression = compression
    self.shape = shape
    self.context = context
    keys = CompressedKeys(compression, shape: shape, withValues: true, context: context)
    let workers = context.pool.count
    board = CountBoard(workers: workers)
    let bytes = context.kernels.tiled.strip_bytes(Int32(shape.headDim), Int32(shape.valueDim))
    scratch = Workspace(bytesPerWorker: bytes, workers: workers)
    ids = Workspace(bytesPerWorker: 4 * 32, workers: workers)
    runMemory = StripRunMemory(blocks: 1, keys: max(keys.count, 1), workers: workers)
    jobs = [
      keys.phase(current),
      WorkerPool.Job(units: shape.batch * shape.queryHeads * stripsPerHead) {
        [unowned self] worker, unit in attend(worker: worker, unit: unit)
      },
    ]
  }

  var bytes: Int { keys.bytes + scratch.bytes + ids.bytes + runMemory.bytes }

  /// Strips of consecutive queries; a tile is full where the first of them sees all of it.
  var expectedCounts: EngineCounts {
    var counts = EngineCounts()
    let tile = context.kernels.tile
    for first in stride(from: 0, to: shape.queryLength, by: tile.lanes) {
      let count = min(tile.lanes, shape.queryLength - first)
      let least = compression.count(keys: shape.visibleKeys(query: first))
      let most = compression.count(keys: shape.visibleKeys(query: first + count - 1))
      for start in stride(from: 0, to: most, by: tile.keys) {
        counts.tilesVisited += 1
        counts.tilesFull += min(start + tile.keys, most) <= least ? 1 : 0
      }
      counts.pairsEvaluated += most * count
      counts.bytesRead +=
        4 * (count * shape.headDim + most * (shape.headDim + shape.valueDim))
      counts.bytesWritten += 4 * count * shape.valueDim
    }
    counts.exponentials = counts.pairsEvaluated
    return counts.times(shape.batch * shape.queryHeads)
  }

  func run(_ operands: AttendOperands) {
    board.reset()
    current.value = operands
    context.pool.run(jobs)
    counts = board.sum
  }

  private var stripsPerHead: Int {
    (shape.queryLength + context.kernels.tile.lanes - 1) / context.kernels.tile.lanes
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, strip) = unit.quotientAndRemainder(dividingBy: stripsPerHead)
    let lanes = context.kernels.tile.lanes
    let first = strip * lanes
    let count = min(lanes, shape.queryLength - first)
    var runs = runMemory.runs(worker: worker, lanes: count, keyTile: context.kernels.tile.keys)
    let ids = ids[worker].assumingMemoryBound(to: Int32.self)
    for lane in 0..<count {
      ids[lane] = Int32(first + lane)
      runs.visible[lane] = Int32(
        compression.count(keys: shape.visibleKeys(query: first + lane)))
    }
    runs.append(0..<keys.count, chosen: TileSchedule.laneMask(count))
    let at = operands.head(head, shape: shape)
    let kernels = context.kernels.tiled
    kernels.load(
      scratch[worker], at.query, shape.headDim, ids, Int32(count), Int32(shape.headDim),
      Int32(shape.valueDim), shape.kernelScale)
    kernels.attend(
      scratch[worker], keys.keys(at.keyValueIndex), shape.headDim, keys.values(at.keyValueIndex),
      shape.valueDim, nil, runs.runs, Int32(runs.runCount), runs.masks, board[worker])
    kernels.store(scratch[worker], at.output, shape.valueDim, ids, Int32(count), nil)
    board.add(worker: worker, keyRows: runs.keyRows, queryRows: count, shape)
  }
}
