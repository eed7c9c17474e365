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
  /// Per worker: nodes to be scored, first keys of their blocks, their scores, and their number.
  private let scores: Workspace
  /// Keys of every block but the last.
  private let blockSize: Int32

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
    scores = Workspace(bytesPerWorker: 4 * (3 * most + 1), workers: workers)
    blockSize = Int32(setting.geometry.blockStarts[1])
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

  /// The nodes that are left, ascending, each one block long.
  private func descend(
    head: Int, row: Int, first: Int, free: Int, _ operands: AttendOperands, worker: Int
  ) -> UnsafeMutablePointer<Node> {
    let kept = nodes[worker].assumingMemoryBound(to: Node.self)
    for index in 0..<search.kept {
      let start = free * index / search.kept
      let end = free * (index + 1) / search.kept
      kept[index] = Node(start: Int32(first + start), size: Int32(end - start))
    }
    let round = Round(self, worker: worker)
    for _ in 0..<search.rounds(free) {
      let count = split(kept, round)
      score(round, head: head, row: row, operands)
      kernels.top(round.scores, Int32(count), Int32(search.kept), round.best)
      for rank in 0..<search.kept {
        let index = Int(round.best[rank])
        kept[rank] = round.halves[index]
        kept[rank].score = round.scores[index]
      }
    }
    return kept
  }

  /// What a round works with: the halves of all nodes with their scores, and those among them
  /// whose scores are open.
  private struct Round {
    let halves: UnsafeMutablePointer<Node>
    let scores: UnsafeMutablePointer<Float>
    let best: UnsafeMutablePointer<Int32>
    /// Indices of open nodes, first keys of their blocks, and the scores that were found.
    let open, firstKeys: UnsafeMutablePointer<Int32>
    let found: UnsafeMutablePointer<Float>
    /// How many are open.
    let count: UnsafeMutablePointer<Int32>

    init(_ chooser: TreeChooser, worker: Int) {
      let most = 2 * chooser.search.kept
      halves = chooser.nodes[worker].assumingMemoryBound(to: Node.self) + most
      scores = chooser.keys[worker].assumingMemoryBound(to: Float.self)
      best = chooser.keys[worker].assumingMemoryBound(to: Int32.self) + most
      open = chooser.scores[worker].assumingMemoryBound(to: Int32.self)
      firstKeys = open + most
      found = chooser.scores[worker].assumingMemoryBound(to: Float.self) + 2 * most
      count = open + 3 * most
    }

    /// Takes the next node, and notes it where its score is open.
    func put(_ node: Node, at count: inout Int, open: inout Int, blockSize: Int32) {
      halves[count] = node
      scores[count] = node.score
      if node.score.isNaN {
        self.open[open] = Int32(count)
        firstKeys[open] = node.start * blockSize
        open += 1
      }
      count += 1
    }
  }

  /// Halves all nodes; a left half begins where the whole did, and has its score.
  private func split(_ kept: UnsafeMutablePointer<Node>, _ round: Round) -> Int {
    var (count, open) = (0, 0)
    for index in 0..<search.kept {
      var node = kept[index]
      let left = node.size / 2
      if left > 0 {
        let half = Node(start: node.start, size: left, score: node.score)
        round.put(half, at: &count, open: &open, blockSize: blockSize)
        node = Node(start: node.start + left, size: node.size - left)
      }
      round.put(node, at: &count, open: &open, blockSize: blockSize)
    }
    round.count.pointee = Int32(open)
    return count
  }

  /// Gives open nodes the score of their first block: the largest product of a sampled query with
  /// one of its keys.
  private func score(_ round: Round, head: Int, row: Int, _ operands: AttendOperands) {
    let count = Int(round.count.pointee)
    for index in 0..<count { round.found[index] = -.infinity }
    let at = operands.head(head, shape: shape)
    let queries = geometry.queries(row: row)
    let samples = search.samplesQueries && queries.count > 1
    let (skipped, step) = samples ? (1, 2) : (0, 1)
    kernels.raise_products(
      at.query + (queries.lowerBound + skipped) * shape.headDim, step * shape.headDim,
      Int32((queries.count - skipped + step - 1) / step),
      source.keys(at.keyValueIndex, operands), shape.headDim, round.firstKeys, Int32(count),
      blockSize, Int32(shape.headDim), round.found)
    for index in 0..<count { round.scores[Int(round.open[index])] = round.found[index] }
  }
}
