// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Chooses blocks by halving ranges of them and keeping those whose first block scores best.
final class TreeChooser: BlockChooser, @unchecked Sendable {
  private let stage: AttendSelected
  private let search: TreeSearch
  private let shape: AttentionShape
  private let geometry: SelectionGeometry
  private let lists: SelectionLists
  private let kernels: attn_select_kernels_t
  private let source: KeyValueSource
  private let current: CurrentOperands
  private let board: CountBoard
  private let rowPlaces: [RowPlaces]
  private let nodes: Workspace
  private let keys: Workspace
  private let scores: Workspace

  /// A range of blocks.
  private struct Node: BitwiseCopyable {
    var start: Int32
    var size: Int32
  }

  init(
    _ stage: AttendSelected, search: TreeSearch, shape: AttentionShape, setting: SelectionSetting
  ) {
    self.stage = stage
    self.search = search
    self.shape = shape
    geometry = setting.geometry
    lists = setting.lists
    source = setting.source
    current = setting.current
    board = setting.board
    kernels = setting.context.kernels.select
    rowPlaces = RowPlaces.all(stage, setting.geometry)
    let workers = setting.context.pool.count
    let most = 2 * search.kept
    // The nodes of a round, those of the next, keys of both.
    nodes = Workspace(bytesPerWorker: 8 * 2 * most, workers: workers)
    keys = Workspace(bytesPerWorker: 8 * 2 * most, workers: workers)
    scores = Workspace(bytesPerWorker: 4 * setting.geometry.largestBlock, workers: workers)
  }

  var bytes: Int { nodes.bytes + keys.bytes + scores.bytes }

  var phases: [SelectionPhase] {
    [SelectionPhase(units: lists.lists * geometry.rowCount, body: choose)]
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
        if left > 0 {
          split[count] = Node(start: kept[index].start, size: left)
          count += 1
        }
        split[count] = Node(start: kept[index].start + left, size: kept[index].size - left)
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
    let ranked = keys[worker].assumingMemoryBound(to: UInt64.self)
    let copy = ranked + 2 * search.kept
    for index in 0..<count {
      let score = score(head: head, row: row, block: Int(split[index].start), operands, worker)
      ranked[index] = RankKeys.key(score, index: index)
      copy[index] = ranked[index]
    }
    let cut = RankKeys.cut(
      top: search.kept, UnsafeMutableBufferPointer(start: ranked, count: count))
    var next = 0
    for index in 0..<count where copy[index] <= cut {
      kept[next] = split[index]
      next += 1
    }
  }

  /// The largest product of a sampled query with a key of the block.
  private func score(
    head: Int, row: Int, block: Int, _ operands: AttendOperands, _ worker: Int
  ) -> Float {
    let at = operands.head(head, shape: shape)
    let keys = geometry.keys(block: block)
    let products = scores[worker].assumingMemoryBound(to: Float.self)
    var best = -Float.infinity
    for query in search.sampled(geometry.queries(row: row)) {
      kernels.dot_rows(
        at.query + query * shape.headDim,
        source.keys(at.keyValueIndex, operands) + keys.lowerBound * shape.headDim, shape.headDim,
        Int32(keys.count), Int32(shape.headDim), products)
      for index in 0..<keys.count { best = max(best, products[index]) }
    }
    return best
  }
}
