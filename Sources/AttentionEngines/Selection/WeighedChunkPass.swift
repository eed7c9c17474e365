// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attention block by block where scores of the choice tell what past blocks weigh.
///
/// Queries attend to their own blocks first, in consecutive strips. What everything weighs is known
/// then, so that an output row is written once and rows of past blocks are added to it. While one
/// strip is attended, the rows of the next one are fetched.
final class WeighedChunkPass: SelectedPass, @unchecked Sendable {
  private let shape: AttentionShape
  private let setting: SelectionSetting
  private let geometry: SelectionGeometry
  /// First query place of every chunk, and the number of queries.
  private let starts: [Int]
  private let router: ChunkRouter
  private let strips: GatheredStrips
  private let runMemory: StripRunMemory
  /// Per worker: partial rows of a strip, their log-sum-exp, lanes in order, rows, and what the
  /// blocks of one row weigh.
  private let partial: Workspace
  private static let mostLanes = 32

  init(_ stage: AttendSelected, shape: AttentionShape, setting: SelectionSetting) {
    self.shape = shape
    self.setting = setting
    geometry = setting.geometry
    let context = setting.context
    starts = stage.chunkStarts(geometry, heads: 1)
    router = ChunkRouter(stage, shape: shape, setting: setting, heads: 1)
    let workers = context.pool.count
    strips = GatheredStrips(shape: shape, setting: setting)
    let blocks = Self.mostLanes / geometry.keys(block: 0).count + 2
    runMemory = StripRunMemory(
      blocks: blocks, keys: blocks * geometry.largestBlock, workers: workers)
    partial = Workspace(
      bytesPerWorker: 4 * (Self.mostLanes * (shape.valueDim + 3) + setting.lists.capacity),
      workers: workers)
    for worker in 0..<workers {
      let ids = memory(worker).lanes
      for lane in 0..<Self.mostLanes { ids[lane] = Int32(lane) }
    }
  }

  var bytes: Int { strips.bytes + runMemory.bytes + router.bytes + partial.bytes }

  var phases: [WorkerPool.Job] {
    let heads = shape.batch * shape.queryHeads
    return [WorkerPool.Job(units: heads * (starts.count - 1), body: attend)]
  }

  private struct Memory {
    let part: UnsafeMutablePointer<Float>
    let logSumExp: UnsafeMutablePointer<Float>
    let lanes: UnsafeMutablePointer<Int32>
    let rows: UnsafeMutablePointer<Int32>
    let weights: UnsafeMutablePointer<Float>
  }

  private func memory(_ worker: Int) -> Memory {
    let part = partial[worker].assumingMemoryBound(to: Float.self)
    let logSumExp = part + Self.mostLanes * shape.valueDim
    let lanes = UnsafeMutableRawPointer(logSumExp + Self.mostLanes)
      .assumingMemoryBound(to: Int32.self)
    let rows = lanes + Self.mostLanes
    return Memory(
      part: part, logSumExp: logSumExp, lanes: lanes, rows: rows,
      weights: UnsafeMutableRawPointer(rows + Self.mostLanes).assumingMemoryBound(to: Float.self))
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands = setting.current.value else { return }
    let (head, index) = unit.quotientAndRemainder(dividingBy: starts.count - 1)
    // The last chunks of a causal problem see the most; they come first.
    let chunk = starts.count - 2 - index
    let places = starts[chunk]..<starts[chunk + 1]
    let at = operands.head(head, shape: shape)
    let lanes = setting.context.kernels.tile.lanes
    for first in Swift.stride(from: places.lowerBound, to: places.upperBound, by: lanes) {
      let strip = first..<min(first + lanes, places.upperBound)
      attendOwn(strip, head: head, at: at, operands, worker: worker)
    }
    let routes = router.collect(places, head: head, without: 1, worker: worker)
    for block in 0..<geometry.blockCount {
      let range = Int(routes.begins[block])..<Int(routes.begins[block + 1])
      attend(routes, range, block: block, at: at, operands, worker: worker)
    }
    setting.board.add(
      worker: worker, elementsSorted: 0, rowsGathered: Int(routes.begins[geometry.blockCount]))
  }

  /// Attends consecutive queries to their own blocks and writes their rows, as much as they weigh.
  private func attendOwn(
    _ places: Range<Int>, head: Int, at: AttendOperands.Head, _ operands: AttendOperands,
    worker: Int
  ) {
    let memory = memory(worker)
    var runs = runMemory.runs(
      worker: worker, lanes: places.count, keyTile: setting.context.kernels.tile.keys)
    for (lane, place) in places.enumerated() {
      memory.rows[lane] = Int32(place)
      runs.visible[lane] = Int32(geometry.visibleKeys(place: place))
    }
    var lane = 0
    while lane < places.count {
      let block = ownBlock(head: head, place: places.lowerBound + lane)
      var end = lane + 1
      while end < places.count, ownBlock(head: head, place: places.lowerBound + end) == block {
        end += 1
      }
      runs.append(
        geometry.keys(block: block),
        chosen: TileSchedule.laneMask(end) & ~TileSchedule.laneMask(lane))
      lane = end
    }
    strips.load(memory.rows, count: places.count, at, worker: worker)
    strips.attend(runs, at, operands, worker: worker)
    strips.store(
      to: memory.part, ids: memory.lanes, count: places.count, logSumExp: memory.logSumExp,
      worker: worker)
    for (lane, place) in places.enumerated() {
      write(place, lane: lane, head: head, memory, at.output + place * shape.valueDim)
    }
    setting.board.add(worker: worker, keyRows: runs.keyRows, queryRows: places.count, shape)
  }

  private func ownBlock(head: Int, place: Int) -> Int {
    let blocks = setting.lists.blocks(head: head, row: place)
    return Int(blocks[blocks.count - 1])
  }

  /// Makes weights of the scores of past blocks, and an output row of the local one.
  private func write(
    _ place: Int, lane: Int, head: Int, _ memory: Memory, _ output: UnsafeMutablePointer<Float>
  ) {
    let past = setting.lists.blocks(head: head, row: place).count - 1
    let part = memory.part + lane * shape.valueDim
    let weights = memory.weights
    let scale = Float(shape.softmaxScale)
    guard let scores = setting.lists.scores(head: head, row: place) else { return }
    for rank in 0..<past { weights[rank] = scores[rank] * scale }
    weights[past] = memory.logSumExp[lane]
    let share = 1 / setting.context.kernels.select.soften(weights, Int32(past + 1), 1)
    for rank in 0..<past { scores[rank] = weights[rank] * share }
    let own = weights[past] * share
    for channel in 0..<shape.valueDim { output[channel] = part[channel] * own }
  }

  /// Adds the rows of one past block, each as much as it weighs.
  private func attend(
    _ routes: ChunkRoutes, _ range: Range<Int>, block: Int, at: AttendOperands.Head,
    _ operands: AttendOperands, worker: Int
  ) {
    guard let weights = routes.weights else { return }
    let memory = memory(worker)
    let keys = geometry.keys(block: block)
    let lanes = setting.context.kernels.tile.lanes
    let all = Int(routes.begins[geometry.blockCount])
    for first in Swift.stride(from: range.lowerBound, to: range.upperBound, by: lanes) {
      let count = min(lanes, range.upperBound - first)
      let rows = routes.rows + first
      var runs = runMemory.runs(
        worker: worker, lanes: count, keyTile: setting.context.kernels.tile.keys)
      runs.visible.update(repeating: Int32(keys.upperBound), count: count)
      runs.append(keys, chosen: TileSchedule.laneMask(count))
      strips.load(rows, count: count, at, worker: worker)
      strips.announce(
        queries: rows + count, outputs: rows + count, of: at.output,
        count: min(lanes, all - first - count), at, worker: worker)
      strips.attend(runs, at, operands, worker: worker)
      strips.store(
        to: memory.part, ids: memory.lanes, count: count, logSumExp: nil, worker: worker)
      setting.context.kernels.select.add_rows(
        at.output, rows, memory.part, weights + first, Int32(count), Int32(shape.valueDim))
      setting.board.add(worker: worker, keyRows: runs.keyRows, queryRows: count, shape)
    }
  }
}
