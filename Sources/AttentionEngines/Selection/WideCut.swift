// SPDX-License-Identifier: MIT

import AttentionCore

/// Rules over many row units: all scores are kept, cut together, and sorted back into lists.
final class WideCut: @unchecked Sendable {
  private let stage: AttendSelected
  private let geometry: SelectionGeometry
  private let lists: SelectionLists
  private let listsPerBatch: Int
  private let batch: Int
  private let isMinMax: Bool
  /// Scores `[lists, rows, blocks]`.
  private let matrix: Tensor<Float>
  private let keys: Workspace
  /// Per scope unit: the last kept key and the range of scores.
  private let cuts: UnsafeMutablePointer<Cut>
  private let cutCount: Int

  private struct Cut {
    var key: UInt64 = 0
    var range = MinMax()
  }

  init(
    _ stage: AttendSelected, shape: AttentionShape, geometry: SelectionGeometry,
    lists: SelectionLists, context: ExecutionContext
  ) {
    self.stage = stage
    self.geometry = geometry
    self.lists = lists
    batch = shape.batch
    listsPerBatch = lists.lists / shape.batch
    if case .product(let product) = stage.scoring, product.form == .minMax {
      isMinMax = true
    } else {
      isMinMax = false
    }
    matrix = Tensor([lists.lists, lists.rows, geometry.blockCount])
    let entries: Int
    switch stage.rule.scope {
    case .row: (entries, cutCount) = (geometry.blockCount, lists.lists * lists.rows)
    case .head: (entries, cutCount) = (lists.rows * geometry.blockCount, lists.lists)
    case .block:
      (entries, cutCount) = (listsPerBatch * lists.rows, shape.batch * geometry.blockCount)
    case .overall:
      (entries, cutCount) = (listsPerBatch * lists.rows * geometry.blockCount, shape.batch)
    }
    keys = Workspace(bytesPerWorker: 8 * entries, workers: min(context.pool.count, cutCount))
    cuts = .allocate(capacity: cutCount)
    cuts.initialize(repeating: Cut(), count: cutCount)
  }

  deinit {
    cuts.deallocate()
  }

  var bytes: Int { matrix.byteCount + keys.bytes + cutCount * MemoryLayout<Cut>.stride }

  func scores(list: Int, row: Int) -> UnsafeMutablePointer<Float> {
    matrix.base + (list * lists.rows + row) * geometry.blockCount
  }

  var phases: [WorkerPool.Job] {
    [
      WorkerPool.Job(units: cutCount) { [self] worker, unit in cut(unit, worker: worker) },
      WorkerPool.Job(units: lists.lists * lists.rows) { [self] _, unit in write(unit) },
    ]
  }

  /// Lists and blocks that compete in a scope unit.
  private func extent(_ unit: Int) -> (lists: Range<Int>, blocks: Range<Int>) {
    let all = 0..<geometry.blockCount
    switch stage.rule.scope {
    case .row, .head: return (unit..<unit + 1, all)
    case .block:
      let (entry, block) = unit.quotientAndRemainder(dividingBy: geometry.blockCount)
      return (entry * listsPerBatch..<(entry + 1) * listsPerBatch, block..<block + 1)
    case .overall: return (unit * listsPerBatch..<(unit + 1) * listsPerBatch, all)
    }
  }

  private func scopeUnit(list: Int, block: Int) -> Int {
    switch stage.rule.scope {
    case .row, .head: list
    case .block: list / listsPerBatch * geometry.blockCount + block
    case .overall: list / listsPerBatch
    }
  }

  /// The index by which equal scores are ordered: list, row, block inside the batch entry.
  private func index(list: Int, row: Int, block: Int) -> Int {
    (list % listsPerBatch * lists.rows + row) * geometry.blockCount + block
  }

  private func cut(_ unit: Int, worker: Int) {
    let (range, blocks) = extent(unit)
    normalise(unit, range, blocks)
    let memory = keys[worker].assumingMemoryBound(to: UInt64.self)
    var count = 0
    var places = 0
    var total: UInt64 = 0
    var forcedWeight: UInt64 = 0
    for list in range {
      for row in 0..<lists.rows {
        let forced = geometry.forcedBlocks(row: row, stage.forced)
        for block in blocks.clamped(to: 0..<geometry.visibleBlocks(row: row)) {
          let score = normalised(unit, scores(list: list, row: row)[block])
          let weight = isMinMax ? RankKeys.weight(score) : 0
          total += weight
          guard !stage.rule.forcedTakePlaces || !forced.contains(block) else {
            places += 1
            forcedWeight += weight
            continue
          }
          memory[count] = RankKeys.key(score, index: index(list: list, row: row, block: block))
          count += 1
        }
      }
    }
    guard count > 0 else {
      cuts[unit].key = 0
      return
    }
    let cut = RuleCut(
      rule: rule(rows: range.count * lists.rows), places: places, total: total,
      forced: forcedWeight)
    cuts[unit].key = cut.key(UnsafeMutableBufferPointer(start: memory, count: count))
  }

  /// A top-k of many row units keeps as many per unit on average.
  private func rule(rows: Int) -> BlockRule {
    guard case .top(let count) = stage.rule.measure else { return stage.rule }
    return BlockRule(
      .top(count * rows), scope: stage.rule.scope, forcedTakePlaces: stage.rule.forcedTakePlaces)
  }

  private func normalise(_ unit: Int, _ range: Range<Int>, _ blocks: Range<Int>) {
    guard isMinMax else { return }
    var found = MinMax()
    for list in range {
      for row in 0..<lists.rows {
        let row = scores(list: list, row: row)
        for block in blocks { found.include(row[block]) }
      }
    }
    cuts[unit].range = found
  }

  private func normalised(_ unit: Int, _ score: Float) -> Float {
    isMinMax ? cuts[unit].range.mapped(score) : score
  }

  private func write(_ unit: Int) {
    let (list, row) = unit.quotientAndRemainder(dividingBy: lists.rows)
    let forced = geometry.forcedBlocks(row: row, stage.forced)
    let place = lists.place(list: list, row: row)
    let scores = scores(list: list, row: row)
    var count = 0
    for block in 0..<geometry.visibleBlocks(row: row) {
      let scope = scopeUnit(list: list, block: block)
      let key = RankKeys.key(
        normalised(scope, scores[block]), index: index(list: list, row: row, block: block))
      let competes = !stage.rule.forcedTakePlaces || !forced.contains(block)
      guard competes && key <= cuts[scope].key || forced.contains(block) else { continue }
      place[count] = Int32(block)
      count += 1
    }
    lists.setCount(count, list: list, row: row)
  }
}

/// The map of a set of scores to 0...1; a range of almost nothing is left as wide as it is.
struct MinMax {
  private var least = Float.infinity
  private var most = -Float.infinity

  init() {}

  init(_ scores: UnsafePointer<Float>, count: Int) {
    for index in 0..<count { include(scores[index]) }
  }

  mutating func include(_ score: Float) {
    least = min(least, score)
    most = max(most, score)
  }

  func mapped(_ score: Float) -> Float {
    min((score - least) / (most - least > 1e-6 ? most - least : 1), 1)
  }

  func map(_ scores: UnsafeMutablePointer<Float>, count: Int) {
    for index in 0..<count { scores[index] = mapped(scores[index]) }
  }
}
