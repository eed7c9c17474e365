// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Means of overlapping stretches of keys, and of values where they are asked for.
final class CompressedKeys: @unchecked Sendable {
  let count: Int
  private let compression: Compression
  private let shape: AttentionShape
  private let keys: Tensor<Float>
  private let values: Tensor<Float>?
  private let kernels: attn_select_kernels_t

  init(
    _ compression: Compression, shape: AttentionShape, withValues: Bool, context: ExecutionContext
  ) {
    self.compression = compression
    self.shape = shape
    count = compression.count(keys: shape.keyLength)
    kernels = context.kernels.select
    let heads = shape.batch * shape.keyValueHeads
    keys = Tensor([heads, max(count, 1), shape.headDim])
    values = withValues ? Tensor([heads, max(count, 1), shape.valueDim]) : nil
  }

  var bytes: Int { keys.byteCount + (values?.byteCount ?? 0) }

  func keys(_ head: Int) -> UnsafePointer<Float> {
    UnsafePointer(keys.base + head * count * shape.headDim)
  }

  func values(_ head: Int) -> UnsafePointer<Float>? {
    values.map { UnsafePointer($0.base + head * count * shape.valueDim) }
  }

  func phase(_ current: CurrentOperands) -> WorkerPool.Job {
    WorkerPool.Job(units: shape.batch * shape.keyValueHeads * count) { [self] _, unit in
      guard let operands = current.value else { return }
      let (head, stretch) = unit.quotientAndRemainder(dividingBy: count)
      let row = head * shape.keyLength + stretch * compression.step
      kernels.pool_mean(
        operands.key.base + row * shape.headDim, shape.headDim, Int32(compression.length),
        Int32(shape.headDim), keys.base + unit * shape.headDim)
      guard let values else { return }
      kernels.pool_mean(
        operands.value.base + row * shape.valueDim, shape.valueDim, Int32(compression.length),
        Int32(shape.valueDim), values.base + unit * shape.valueDim)
    }
  }
}

/// Chooses blocks by softmax over pooled keys, one choice per token and group of heads.
final class CompressedChooser: Chooser, BlockChooser, @unchecked Sendable {
  private let stage: AttendSelected
  private let scores: CompressedScores
  private let pooled: CompressedKeys
  private let cutter: RowCutter
  private let rowPlaces: [RowPlaces]
  /// Per worker: weights of stretches and importance of blocks for a batch of queries.
  private let scratch: Workspace
  private static let rowsPerUnit = 64

  init(
    _ stage: AttendSelected, scores: CompressedScores, shape: AttentionShape,
    setting: SelectionSetting
  ) {
    self.stage = stage
    self.scores = scores
    pooled = CompressedKeys(
      scores.compression, shape: shape, withValues: false, context: setting.context)
    let workers = setting.context.pool.count
    cutter = RowCutter(stage, geometry: setting.geometry, context: setting.context)
    rowPlaces = RowPlaces.all(stage, setting.geometry)
    scratch = Workspace(
      bytesPerWorker: 4 * ScoreBatch.rows * (pooled.count + setting.geometry.blockCount),
      workers: workers)
    super.init(shape: shape, setting: setting)
  }

  var bytes: Int { pooled.bytes + cutter.bytes + scratch.bytes }

  var phases: [WorkerPool.Job] {
    [
      pooled.phase(current),
      WorkerPool.Job(units: lists.lists * unitsPerList, body: choose),
    ]
  }

  private var unitsPerList: Int { (geometry.rowCount + Self.rowsPerUnit - 1) / Self.rowsPerUnit }

  private func choose(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (list, part) = unit.quotientAndRemainder(dividingBy: unitsPerList)
    let rows = part * Self.rowsPerUnit..<min((part + 1) * Self.rowsPerUnit, geometry.rowCount)
    var compared = 0
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: ScoreBatch.rows) {
      let batch = first..<min(first + ScoreBatch.rows, rows.upperBound)
      compared += choose(list: list, batch, operands, worker: worker)
    }
    board.add(worker: worker, elementsSorted: compared, rowsGathered: 0)
  }

  /// Chooses for a few neighbouring queries; returns how many scores were compared.
  private func choose(
    list: Int, _ rows: Range<Int>, _ operands: AttendOperands, worker: Int
  ) -> Int {
    let weights = scratch[worker].assumingMemoryBound(to: Float.self)
    let importance = weights + ScoreBatch.rows * pooled.count
    importance.update(repeating: 0, count: rows.count * geometry.blockCount)
    let most = scores.compression.count(
      keys: geometry.visibleKeys(place: rows.upperBound - 1))
    for index in 0..<lists.headsPerList {
      let at = operands.head(list * lists.headsPerList + index, shape: shape)
      multiply(
        at.query + rows.lowerBound * shape.headDim, count: rows.count, stride: shape.headDim,
        pooled.keys(at.keyValueIndex), keys: most, into: weights, scoreStride: pooled.count)
      for (offset, row) in rows.enumerated() {
        let seen = scores.compression.count(keys: geometry.visibleKeys(place: row))
        let weights = weights + offset * pooled.count
        let share = soften(weights, count: seen)
        // A block scores every stretch as often as its steps lie in the block.
        kernels.spread(
          weights, Int32(seen), share, Int32(scores.compression.length / scores.compression.step),
          Int32(scores.blockSize / scores.compression.step),
          importance + offset * geometry.blockCount, rowPlaces[row].visible)
      }
    }
    var compared = 0
    for (offset, row) in rows.enumerated() {
      let candidates = RowCandidates(
        rowPlaces[row], forcedCompete: false, keepsAll: false, skipsForced: true)
      let count = cutter.choose(
        candidates, importance + offset * geometry.blockCount, nil, worker: worker,
        into: lists.place(list: list, row: row))
      lists.setCount(count, list: list, row: row)
      compared += candidates.count
    }
    return compared
  }
}
