// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Chooses blocks by halving ranges of them and keeping those whose first block scores best.
final class TreeChooser: Chooser, BlockChooser, @unchecked Sendable {
  private let stage: AttendSelected
  private let search: TreeSearch
  private let rowPlaces: [RowPlaces]
  private let nodes: Workspace
  private let keys: Workspace
  /// Per worker: first keys of the blocks to be scored, and their scores.
  private let scores: Workspace

  /// A range of blocks, with the score of its first one where it is known.
  private struct Node: BitwiseCopyable {
    var start: Int32
    var size: Int32
    var score = Float.nan
  }

  init(
    _ stage: AttendSelected, search: TreeSearch, shape: AttentionShape, setting: SelectionSetting
  ) {
    self.stage = stage
    self.search = search
    rowPlaces = RowPlaces.all(stage, setting.geometry)
    let workers = setting.context.pool.count
    let most = 2 * search.kept
    // The nodes of a round, those of the next, keys of both.
    nodes = Workspace(
      bytesPerWorker: MemoryLayout<Node>.stride * 2 * most, workers: workers)
    keys = Workspace(bytesPerWorker: 8 * 2 * most, workers: workers)
    scores = Workspace(bytesPerWorker: 8 * most, workers: workers)
    super.init(shape: shape, setting: setting)
  }

  var bytes: Int { nodes.bytes + keys.bytes + scores.bytes }

  var phases: [WorkerPool.Job] {
    [WorkerPool.Job(units: lists.lists * geometry.rowCount, body: choose)]
  }

  private func choose(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, row) = unit.quotientAndRemainder(dividingBy: geometry.rowCount)
    let places = rowPlaces[row]
    let place = lists.place(list: head, row: row)
    var count = 0
    for block in 0..<places.firstEnd {
      place[count] = block
      count += 1
    }
    let first = Int(places.firstEnd)
    let free = Int(places.nearStart) - first
    if free <= search.kept {
      for block in 0..<max(free, 0) {
        place[count] = Int32(first + block)
        count += 1
      }
    } else {
      let found = descend(head: head, row: row, first: first, free: free, operands, worker: worker)
      for index in 0..<search.kept {
        place[count] = found[index].start
        count += 1
      }
      board.add(
        worker: worker, elementsSorted: search.rounds(free) * 2 * search.kept, rowsGathered: 0)
    }
    for block in places.nearStart..<places.nearEnd {
      place[count] = block
      count += 1
    }
    lists.setCount(count, list: head, row: row)
  }

  /// The starts of the nodes that are left, ascending, each one block long.
  private func descend(
    head: Int, row: Int, first: Int, free: Int, _ operands: AttendOperands, worker: Int
  ) -> UnsafeMutablePointer<Node> {
    let kept = nodes[worker].assumingMemoryBound(to: Node.self)
    let split = kept + 2 * search.kept
    for index in 0..<search.kept {
      let start = free * index / search.kept
      let end = free * (index + 1) / search.kept
      kept[index] = Node(start: Int32(first + start), size: Int32(end - start))
    }
    for _ in 0..<search.rounds(free) {
      var count = 0
      for index in 0..<search.kept {
        let left = kept[index].size / 2
        var node = kept[index]
        if left > 0 {
          // The left half begins where the whole did, and has its score.
          split[count] = Node(start: node.start, size: left, score: node.score)
          count += 1
          node = Node(start: node.start + left, size: node.size - left)
        }
        split[count] = node
        count += 1
      }
      keepBest(split, count: count, into: kept, head: head, row: row, operands, worker: worker)
    }
    return kept
  }

  private func keepBest(
    _ split: UnsafeMutablePointer<Node>, count: Int, into kept: UnsafeMutablePointer<Node>,
    head: Int, row: Int, _ operands: AttendOperands, worker: Int
  ) {
    score(split, count: count, head: head, row: row, operands, worker)
    let scores = keys[worker].assumingMemoryBound(to: Float.self)
    let best = keys[worker].assumingMemoryBound(to: Int32.self) + 2 * search.kept
    for index in 0..<count { scores[index] = split[index].score }
    kernels.top(scores, Int32(count), Int32(search.kept), best)
    for rank in 0..<search.kept { kept[rank] = split[Int(best[rank])] }
  }

  /// Gives nodes without a score that of their first block: the largest product of a sampled query
  /// with one of its keys.
  private func score(
    _ split: UnsafeMutablePointer<Node>, count: Int, head: Int, row: Int,
    _ operands: AttendOperands, _ worker: Int
  ) {
    let first = scores[worker].assumingMemoryBound(to: Int32.self)
    let best = scores[worker].assumingMemoryBound(to: Float.self) + 2 * search.kept
    var open = 0
    for index in 0..<count where split[index].score.isNaN {
      first[open] = Int32(geometry.blockStarts[Int(split[index].start)])
      best[open] = -.infinity
      open += 1
    }
    let at = operands.head(head, shape: shape)
    let queries = geometry.queries(row: row)
    let samples = search.samplesQueries && queries.count > 1
    let (skipped, step) = samples ? (1, 2) : (0, 1)
    kernels.raise_products(
      at.query + (queries.lowerBound + skipped) * shape.headDim, step * shape.headDim,
      Int32((queries.count - skipped + step - 1) / step),
      source.keys(at.keyValueIndex, operands), shape.headDim, first, Int32(open),
      Int32(geometry.blockStarts[1]), Int32(shape.headDim), best)
    open = 0
    for index in 0..<count where split[index].score.isNaN {
      split[index].score = best[open]
      open += 1
    }
  }
}
