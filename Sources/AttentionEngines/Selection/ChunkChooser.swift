// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Joins blocks to chunks where keys change, and keeps the chunks whose mean features match best.
final class ChunkChooser: Chooser, BlockChooser, @unchecked Sendable {
  private let search: ChunkSearch
  private let blocks: Int
  /// Per key-value head: for every block the first one of its chunk, and one past its last.
  private let starts: UnsafeMutablePointer<Int32>
  private let ends: UnsafeMutablePointer<Int32>
  /// Features of chunks at their first block: `[batch * heads, blocks, headDim]`.
  private let keyFeatures: Tensor<Float>
  private let queryFeatures: Tensor<Float>
  /// Per worker: two means; scores of chunks, ranks, marks of kept blocks.
  private let means: Workspace
  private let scores: Workspace
  private let ranks: Workspace
  private let marks: Workspace

  init(_ search: ChunkSearch, shape: AttentionShape, setting: SelectionSetting) {
    self.search = search
    blocks = setting.geometry.blockCount
    let heads = shape.batch * shape.keyValueHeads
    starts = .allocate(capacity: heads * blocks)
    starts.initialize(repeating: 0, count: heads * blocks)
    ends = .allocate(capacity: heads * blocks)
    ends.initialize(repeating: 0, count: heads * blocks)
    keyFeatures = Tensor([heads, blocks, shape.headDim])
    queryFeatures = Tensor([shape.batch * shape.queryHeads, blocks, shape.headDim])
    let workers = setting.context.pool.count
    means = Workspace(bytesPerWorker: 4 * (2 * shape.headDim + blocks), workers: workers)
    scores = Workspace(bytesPerWorker: 4 * blocks, workers: workers)
    ranks = Workspace(bytesPerWorker: 8 * blocks, workers: workers)
    marks = Workspace(bytesPerWorker: blocks, workers: workers)
    super.init(shape: shape, setting: setting)
  }

  deinit {
    starts.deallocate()
    ends.deallocate()
  }

  var bytes: Int {
    8 * shape.batch * shape.keyValueHeads * blocks + keyFeatures.byteCount
      + queryFeatures.byteCount + means.bytes + scores.bytes + ranks.bytes + marks.bytes
  }

  var phases: [WorkerPool.Job] {
    let (keyHeads, heads) = (shape.batch * shape.keyValueHeads, shape.batch * shape.queryHeads)
    return [
      WorkerPool.Job(units: keyHeads, body: divide),
      WorkerPool.Job(units: keyHeads * blocks) { [self] _, unit in
        guard let operands = current.value else { return }
        let (head, block) = unit.quotientAndRemainder(dividingBy: blocks)
        pool(source.keys(head, operands), head: head, block, into: keyFeatures.base, at: unit)
      },
      WorkerPool.Job(units: heads * blocks) { [self] _, unit in
        guard let operands = current.value else { return }
        let (head, block) = unit.quotientAndRemainder(dividingBy: blocks)
        let at = operands.head(head, shape: shape)
        pool(at.query, head: at.keyValueIndex, block, into: queryFeatures.base, at: unit)
      },
      WorkerPool.Job(units: heads * blocks, body: choose),
    ]
  }

  /// Finds the chunks of one key-value head.
  private func divide(worker: Int, head: Int) {
    guard let operands = current.value else { return }
    let keys = source.keys(head, operands)
    let left = means[worker].assumingMemoryBound(to: Float.self)
    let cosines = left + 2 * shape.headDim
    if !search.isFixed {
      for block in 1..<max(blocks, 1) {
        cosines[block] = cosine(at: geometry.blockStarts[block], keys, left)
      }
    }
    var start = 0
    for block in 1...blocks {
      let isLong = block - start == search.mostBlocks
      guard block == blocks || isLong || isBorder(block, cosines) else { continue }
      for member in start..<block {
        starts[head * blocks + member] = Int32(start)
        ends[head * blocks + member] = Int32(block)
      }
      start = block
    }
  }

  /// Whether keys change more here than one block before, and no less than one block after.
  private func isBorder(_ block: Int, _ cosines: UnsafePointer<Float>) -> Bool {
    guard !search.isFixed else { return false }
    let isBelow = block == 1 || cosines[block] < cosines[block - 1]
    return isBelow && (block + 1 == blocks || cosines[block] <= cosines[block + 1])
  }

  /// The cosine of the mean keys to either side of a place.
  private func cosine(
    at place: Int, _ keys: UnsafePointer<Float>, _ left: UnsafeMutablePointer<Float>
  ) -> Float {
    let width = shape.headDim
    let right = left + width
    let before = min(search.window, place)
    let after = min(search.window, shape.keyLength - place)
    kernels.pool_mean(
      keys + (place - before) * width, width, Int32(before), Int32(width), left)
    kernels.pool_mean(keys + place * width, width, Int32(after), Int32(width), right)
    var products: (Float, Float, Float) = (0, 0, 0)
    kernels.dot_rows(left, right, width, 1, Int32(width), &products.0)
    kernels.dot_rows(left, left, width, 1, Int32(width), &products.1)
    kernels.dot_rows(right, right, width, 1, Int32(width), &products.2)
    let norm = (products.1 * products.2).squareRoot()
    return norm > 0 ? products.0 / norm : 0
  }

  /// The mean of a chunk's rows times the root of their number.
  private func pool(
    _ rows: UnsafePointer<Float>, head: Int, _ block: Int,
    into features: UnsafeMutablePointer<Float>, at unit: Int
  ) {
    guard Int(starts[head * blocks + block]) == block else { return }
    let first = geometry.blockStarts[block]
    let count = geometry.blockStarts[Int(ends[head * blocks + block])] - first
    let width = shape.headDim
    kernels.pool_mean(
      rows + first * width, width, Int32(count), Int32(width), features + unit * width)
    let factor = Float(count).squareRoot()
    for channel in unit * width..<(unit + 1) * width { features[channel] *= factor }
  }

  /// Writes the lists of all row units of the chunk that begins at a block.
  private func choose(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, first) = unit.quotientAndRemainder(dividingBy: blocks)
    let keyHead = operands.head(head, shape: shape).keyValueIndex
    guard Int(starts[keyHead * blocks + first]) == first else { return }
    let end = Int(ends[keyHead * blocks + first])
    let marks = marks[worker].assumingMemoryBound(to: Bool.self)
    let room = max(search.budget - (end - first), 0)
    mark(head: head, keyHead: keyHead, first: first, room: room, marks, worker: worker)
    for row in first..<end {
      let place = lists.place(list: head, row: row)
      var count = 0
      for block in 0..<first where marks[block] {
        place[count] = Int32(block)
        count += 1
      }
      for block in first...row {
        place[count] = Int32(block)
        count += 1
      }
      lists.setCount(count, list: head, row: row)
      board.add(worker: worker, elementsSorted: row, rowsGathered: 0)
    }
  }

  /// Marks the blocks of the best chunks before `first`, the most recent ones of the last chunk.
  private func mark(
    head: Int, keyHead: Int, first: Int, room: Int, _ marks: UnsafeMutablePointer<Bool>,
    worker: Int
  ) {
    marks.update(repeating: first <= room, count: first)
    guard first > room else { return }
    let scores = scores[worker].assumingMemoryBound(to: Float.self)
    let ranks = ranks[worker].assumingMemoryBound(to: UInt64.self)
    let ends = ends + keyHead * blocks
    let width = shape.headDim
    var chunks = 0
    var block = 0
    while block < first {
      kernels.dot_rows(
        queryFeatures.base + (head * blocks + first) * width,
        keyFeatures.base + (keyHead * blocks + block) * width, width, 1, Int32(width),
        scores + block)
      ranks[chunks] = RankKeys.key(scores[block], index: block)
      chunks += 1
      block = Int(ends[block])
    }
    RankKeys.sort(UnsafeMutableBufferPointer(start: ranks, count: chunks))
    var left = room
    for rank in 0..<chunks where left > 0 {
      let start = Int(truncatingIfNeeded: ranks[rank] & 0xFFFF_FFFF)
      let end = Int(ends[start])
      let count = min(end - start, left)
      (marks + end - count).update(repeating: true, count: count)
      left -= count
    }
  }
}
