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

  func phase(_ current: CurrentOperands) -> SelectionPhase {
    SelectionPhase(units: shape.batch * shape.keyValueHeads * count) { [self] _, unit in
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
final class CompressedChooser: BlockChooser, @unchecked Sendable {
  private let stage: AttendSelected
  private let scores: CompressedScores
  private let shape: AttentionShape
  private let geometry: SelectionGeometry
  private let lists: SelectionLists
  private let kernels: attn_select_kernels_t
  private let current: CurrentOperands
  private let board: CountBoard
  private let pooled: CompressedKeys
  private let cutter: RowCutter
  private let rowPlaces: [RowPlaces]
  /// Per worker: weights of stretches, importance of blocks.
  private let scratch: Workspace
  private static let rowsPerUnit = 64

  init(
    _ stage: AttendSelected, scores: CompressedScores, shape: AttentionShape,
    setting: SelectionSetting
  ) {
    self.stage = stage
    self.scores = scores
    self.shape = shape
    geometry = setting.geometry
    lists = setting.lists
    current = setting.current
    board = setting.board
    kernels = setting.context.kernels.select
    pooled = CompressedKeys(
      scores.compression, shape: shape, withValues: false, context: setting.context)
    let workers = setting.context.pool.count
    cutter = RowCutter(stage, geometry: setting.geometry, workers: workers)
    rowPlaces = RowPlaces.all(stage, setting.geometry)
    scratch = Workspace(
      bytesPerWorker: 4 * (pooled.count + setting.geometry.blockCount), workers: workers)
  }

  var bytes: Int { pooled.bytes + cutter.bytes + scratch.bytes }

  var phases: [SelectionPhase] {
    [
      pooled.phase(current),
      SelectionPhase(units: lists.lists * unitsPerList, body: choose),
    ]
  }

  private var unitsPerList: Int { (geometry.rowCount + Self.rowsPerUnit - 1) / Self.rowsPerUnit }

  private func choose(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (list, part) = unit.quotientAndRemainder(dividingBy: unitsPerList)
    let weights = scratch[worker].assumingMemoryBound(to: Float.self)
    let importance = weights + pooled.count
    var compared = 0
    for row in part * Self.rowsPerUnit..<min((part + 1) * Self.rowsPerUnit, geometry.rowCount) {
      let candidates = RowCandidates(
        rowPlaces[row], forcedCompete: false, keepsAll: false, skipsForced: false)
      importance.update(repeating: 0, count: candidates.visible)
      let seen = scores.compression.count(keys: geometry.visibleKeys(place: row))
      if seen > 0 {
        for index in 0..<lists.headsPerList {
          add(head: list * lists.headsPerList + index, row: row, seen: seen, operands, weights)
          spread(weights, seen: seen, importance, blocks: candidates.visible)
        }
      }
      let count = cutter.choose(
        candidates, importance, nil, worker: worker, into: lists.place(list: list, row: row))
      lists.setCount(count, list: list, row: row)
      compared += candidates.count
    }
    board.add(worker: worker, elementsSorted: compared, rowsGathered: 0)
  }

  /// Softmax weights of the stretches that one head's query sees.
  private func add(
    head: Int, row: Int, seen: Int, _ operands: AttendOperands,
    _ weights: UnsafeMutablePointer<Float>
  ) {
    let at = operands.head(head, shape: shape)
    kernels.dot_rows(
      at.query + row * shape.headDim, pooled.keys(at.keyValueIndex), shape.headDim, Int32(seen),
      Int32(shape.headDim), weights)
    kernels.soften(weights, Int32(seen), Float(shape.softmaxScale))
    var sum = Float(0)
    for stretch in 0..<seen { sum += weights[stretch] }
    let share = 1 / sum
    for stretch in 0..<seen { weights[stretch] *= share }
  }

  /// Adds every stretch's weight to the blocks in which its steps lie.
  private func spread(
    _ weights: UnsafePointer<Float>, seen: Int, _ importance: UnsafeMutablePointer<Float>,
    blocks: Int
  ) {
    let steps = scores.compression.length / scores.compression.step
    let perBlock = scores.blockSize / scores.compression.step
    for stretch in 0..<seen {
      for step in stretch..<stretch + steps where step / perBlock < blocks {
        importance[step / perBlock] += weights[stretch]
      }
    }
  }
}
