// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// Means of groups of keys and values, and the visits to them.
final class PreparedSummaries: @unchecked Sendable {
  private let shape: AttentionShape
  private let groupKeys: [[Int32]]
  /// Keys in all groups.
  private let summarisedKeys: Int
  private let schedules: [ScheduleMemory?]
  /// Per summary, what is added to its scores in log2 units; nil for nothing.
  private let weights: UnsafeMutablePointer<Float>?
  /// `[key-value heads of the batch, summaries, headDim]` and the same of values.
  private let keys, values: UnsafeMutablePointer<Float>
  private let headCount: Int
  private var operands: (key: Tensor<Float>, value: Tensor<Float>, board: CountBoard)?
  private var body: WorkerPool.UnitBody?

  /// Nil where `rule` has no summaries.
  init?(_ rule: MaskRule, _ heads: HeadSchedules, shape: AttentionShape) {
    guard let summaries = rule.summaries else { return nil }
    self.shape = shape
    groupKeys = (0..<summaries.groups.count).map { group in
      summaries.groups[group].flatMap { $0.map { Int32($0) } }
    }
    summarisedKeys = summaries.keyCount
    schedules = heads.summaries.map { $0.map(ScheduleMemory.init) }
    headCount = shape.batch * shape.keyValueHeads
    keys = .allocate(capacity: max(headCount * groupKeys.count * shape.headDim, 1))
    values = .allocate(capacity: max(headCount * groupKeys.count * shape.valueDim, 1))
    keys.initialize(repeating: .nan, count: headCount * groupKeys.count * shape.headDim)
    values.initialize(repeating: .nan, count: headCount * groupKeys.count * shape.valueDim)
    weights = summaries.weighsAsGroup ? .allocate(capacity: max(groupKeys.count, 1)) : nil
    for (group, keys) in groupKeys.enumerated() {
      weights.map { ($0 + group).initialize(to: Float(Double.log2(Double(max(keys.count, 1))))) }
    }
    body = { [unowned self] worker, head in summarise(worker: worker, head: head) }
  }

  deinit {
    keys.deallocate()
    values.deallocate()
    weights?.deallocate()
  }

  var bytes: Int {
    schedules.reduce(0) { $0 + ($1?.bytes ?? 0) }
      + 4 * headCount * groupKeys.count * (shape.headDim + shape.valueDim)
      + 4 * groupKeys.reduce(0) { $0 + $1.count + 1 }
  }

  /// Takes the means; one unit of work is one head.
  func run(key: Tensor<Float>, value: Tensor<Float>, pool: WorkerPool, board: CountBoard) {
    guard let body else { return }
    operands = (key, value, board)
    pool.run(units: headCount, body)
  }

  private func summarise(worker: Int, head: Int) {
    guard let operands else { return }
    let (batch, own) = head.quotientAndRemainder(dividingBy: shape.keyValueHeads)
    means(
      of: UnsafePointer(operands.key.matrix(batch: batch, head: own)), width: shape.headDim,
      into: keys + head * groupKeys.count * shape.headDim)
    means(
      of: UnsafePointer(operands.value.matrix(batch: batch, head: own)), width: shape.valueDim,
      into: values + head * groupKeys.count * shape.valueDim)
    operands.board.add(worker: worker, elementsSorted: 0, rowsGathered: summarisedKeys)
  }

  private func means(
    of rows: UnsafePointer<Float>, width: Int, into means: UnsafeMutablePointer<Float>
  ) {
    for (group, keys) in groupKeys.enumerated() {
      let mean = means + group * width
      mean.update(repeating: 0, count: width)
      for key in keys {
        let row = rows + Int(key) * width
        for channel in 0..<width { mean[channel] += row[channel] }
      }
      let share = 1 / Float(max(keys.count, 1))
      for channel in 0..<width { mean[channel] *= share }
    }
  }

  /// Lets a loaded strip attend to the summaries that its schedule shows.
  func attend(
    _ scratch: UnsafeMutableRawPointer, pattern: Int, strip: Int, head: Int, worker: Int,
    kernels: attn_tiled_kernels_t, board: CountBoard
  ) {
    guard let schedule = schedules[pattern] else { return }
    let visited = schedule.strips[strip]
    guard !visited.runs.isEmpty else { return }
    let (headDim, valueDim) = (shape.headDim, shape.valueDim)
    kernels.attend(
      scratch, keys + head * groupKeys.count * headDim, headDim,
      values + head * groupKeys.count * valueDim, valueDim, weights,
      schedule.runs + visited.runs.lowerBound, Int32(visited.runs.count), schedule.masks,
      board[worker])
    board.add(worker: worker, keyRows: schedule.keyRows(visited), queryRows: 0, shape)
  }
}
