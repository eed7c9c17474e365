// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Chooses columns and diagonals by the attention of the last queries.
final class VerticalSlashChooser: Chooser, BlockChooser, @unchecked Sendable {
  private let pattern: VerticalSlash
  /// Per head: whether a column is kept, and how many kept diagonals lie below each offset.
  private let columns: UnsafeMutablePointer<Bool>
  private let diagonals: UnsafeMutablePointer<Int32>
  /// Per worker: a batch of rows of weights, column sums, diagonal sums; keys.
  private let rows: Workspace
  private let keys: Workspace
  private let heads: Int
  private let length: Int

  init(
    _ pattern: VerticalSlash, shape: AttentionShape, setting: SelectionSetting
  ) {
    self.pattern = pattern
    heads = shape.batch * shape.queryHeads
    length = shape.keyLength
    columns = .allocate(capacity: heads * length)
    columns.initialize(repeating: false, count: heads * length)
    diagonals = .allocate(capacity: heads * (length + 1))
    diagonals.initialize(repeating: 0, count: heads * (length + 1))
    let workers = setting.context.pool.count
    rows = Workspace(bytesPerWorker: (ScoreBatch.rows + 2) * 4 * length, workers: workers)
    keys = Workspace(bytesPerWorker: 8 * length, workers: workers)
    super.init(shape: shape, setting: setting)
  }

  deinit {
    columns.deallocate()
    diagonals.deallocate()
  }

  var bytes: Int { heads * (5 * length + 4) + rows.bytes + keys.bytes }

  var phases: [WorkerPool.Job] {
    [
      WorkerPool.Job(units: heads, body: search),
      WorkerPool.Job(units: heads * geometry.rowCount, body: write),
    ]
  }

  private func search(worker: Int, head: Int) {
    guard let operands = current.value else { return }
    let weights = rows[worker].assumingMemoryBound(to: Float.self)
    let vertical = weights + ScoreBatch.rows * length
    let slash = vertical + length
    vertical.update(repeating: 0, count: length)
    slash.update(repeating: 0, count: length)
    let at = operands.head(head, shape: shape)
    let start = max(shape.queryLength - pattern.lastQueries, 0)
    for first in stride(from: start, to: shape.queryLength, by: ScoreBatch.rows) {
      let batch = first..<min(first + ScoreBatch.rows, shape.queryLength)
      multiply(
        at.query + first * shape.headDim, count: batch.count, stride: shape.headDim,
        source.keys(at.keyValueIndex, operands),
        keys: shape.visibleKeys(query: batch.upperBound - 1), into: weights, scoreStride: length)
      for (index, query) in batch.enumerated() {
        let visible = shape.visibleKeys(query: query)
        let row = weights + index * length
        let share = soften(row, count: visible)
        for key in 0..<visible {
          let weight = row[key] * share
          vertical[key] += weight
          slash[visible - 1 - key] += weight
        }
      }
    }
    for key in 0..<min(pattern.sinkColumns, length) { vertical[key] = .infinity }
    for offset in 0..<min(pattern.nearDiagonals, length) { slash[offset] = .infinity }
    keep(head, vertical: vertical, slash: slash, worker: worker)
    board.add(worker: worker, elementsSorted: 2 * length, rowsGathered: 0)
  }

  private func keep(
    _ head: Int, vertical: UnsafePointer<Float>, slash: UnsafePointer<Float>, worker: Int
  ) {
    let lastColumn = cut(vertical, top: pattern.columns, worker: worker)
    for key in 0..<length {
      columns[head * length + key] = RankKeys.key(vertical[key], index: key) <= lastColumn
    }
    let lastDiagonal = cut(slash, top: pattern.diagonals, worker: worker)
    let below = diagonals + head * (length + 1)
    for offset in 0..<length {
      let isKept = RankKeys.key(slash[offset], index: offset) <= lastDiagonal
      below[offset + 1] = below[offset] + (isKept ? 1 : 0)
    }
  }

  private func cut(_ sums: UnsafePointer<Float>, top count: Int, worker: Int) -> UInt64 {
    guard count < length else { return .max }
    let memory = keys[worker].assumingMemoryBound(to: UInt64.self)
    for index in 0..<length { memory[index] = RankKeys.key(sums[index], index: index) }
    return RankKeys.cut(top: count, UnsafeMutableBufferPointer(start: memory, count: length))
  }

  /// A key is kept by a row unit if its column is, or a kept diagonal passes over it in the span of
  /// the unit's queries.
  private func write(worker: Int, unit: Int) {
    let (head, row) = unit.quotientAndRemainder(dividingBy: geometry.rowCount)
    let queries = geometry.queries(row: row)
    let visible = geometry.visibleKeys(place: queries.upperBound - 1)
    let place = lists.place(list: head, row: row)
    let below = diagonals + head * (length + 1)
    // One past the last key that the last query of a whole unit would see.
    let end = visible + pattern.span - queries.count
    var count = 0
    for key in 0..<visible {
      let offsets = max(end - pattern.span - key, 0)..<min(end - key, length)
      guard columns[head * length + key] || below[offsets.upperBound] > below[offsets.lowerBound]
      else { continue }
      place[count] = Int32(key)
      count += 1
    }
    lists.setCount(count, list: head, row: row)
  }
}
