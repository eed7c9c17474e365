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
    body = { [unowned self] worker, unit in summarise(worker: worker, unit: unit) }
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

  /// Groups that one worker takes at a time hold about this many keys.
  private static let keysPerUnit = 512

  private var groupsPerUnit: Int {
    max(Self.keysPerUnit * groupKeys.count / max(summarisedKeys, 1), 1)
  }

  /// Takes the means; one unit of work is a few groups of one head.
  func run(key: Tensor<Float>, value: Tensor<Float>, pool: WorkerPool, board: CountBoard) {
    guard let body else { return }
    operands = (key, value, board)
    pool.run(units: headCount * unitsPerHead, body)
  }

  private var unitsPerHead: Int { (groupKeys.count + groupsPerUnit - 1) / groupsPerUnit }

  private func summarise(worker: Int, unit: Int) {
    guard let operands else { return }
    let (head, part) = unit.quotientAndRemainder(dividingBy: unitsPerHead)
    let (batch, own) = head.quotientAndRemainder(dividingBy: shape.keyValueHeads)
    let groups = part * groupsPerUnit..<min((part + 1) * groupsPerUnit, groupKeys.count)
    means(
      of: UnsafePointer(operands.key.matrix(batch: batch, head: own)), width: shape.headDim,
      groups, into: keys + head * groupKeys.count * shape.headDim)
    means(
      of: UnsafePointer(operands.value.matrix(batch: batch, head: own)), width: shape.valueDim,
      groups, into: values + head * groupKeys.count * shape.valueDim)
    let rows = groups.reduce(0) { $0 + groupKeys[$1].count }
    operands.board.add(worker: worker, elementsSorted: 0, rowsGathered: rows)
  }

  private func means(
    of rows: UnsafePointer<Float>, width: Int, _ groups: Range<Int>,
    into means: UnsafeMutablePointer<Float>
  ) {
    for group in groups {
      let keys = groupKeys[group]
      let mean = means + group * width
      let share = 1 / Float(max(keys.count, 1))
      var channel = 0
      while channel + 16 <= width {
        let sum = Self.sum(keys, rows + channel, stride: width)
        UnsafeMutableRawPointer(mean + channel)
          .storeBytes(of: sum * share, as: SIMD16<Float>.self)
        channel += 16
      }
      while channel < width {
        mean[channel] = share * keys.reduce(0) { $0 + rows[Int($1) * width + channel] }
        channel += 1
      }
    }
  }

  /// Sixteen channels of the sum of some rows: sums stay in registers.
  private static func sum(
    _ keys: [Int32], _ rows: UnsafePointer<Float>, stride: Int
  ) -> SIMD16<Float> {
    var sum = SIMD16<Float>.zero
    for key in keys {
      sum += UnsafeRawPointer(rows + Int(key) * stride).loadUnaligned(as: SIMD16<Float>.self)
    }
    return sum
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
