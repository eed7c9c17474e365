// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attention block by block for many queries at a time: partial rows are merged into the output at
/// once.
///
/// Where many blocks are chosen, all partial rows together would be many times the output. Heads
/// that share a list of single tokens fill strips together. While one strip is attended, the rows
/// of the next one are fetched.
final class ByChunkPass: SelectedPass, @unchecked Sendable {
  private let shape: AttentionShape
  private let setting: SelectionSetting
  private let geometry: SelectionGeometry
  private let heads: Int
  /// First query place of every chunk, and the number of queries.
  private let starts: [Int]
  private let strips: GatheredStrips
  private let runMemory: StripRunMemory
  private let router: ChunkRouter
  /// Per worker: partial rows of a strip, their log-sum-exp, lanes in order.
  private let partial: Workspace
  /// What output rows weigh until they are divided: `sums` times e^`tops`, by head and token.
  private let tops: Tensor<Float>
  private let sums: Tensor<Float>
  private static let mostLanes = 32

  init(_ stage: AttendSelected, shape: AttentionShape, setting: SelectionSetting) {
    self.shape = shape
    self.setting = setting
    geometry = setting.geometry
    let context = setting.context
    heads = stage.headsPerStrip(shape: shape, lanes: context.kernels.tile.lanes)
    starts = stage.chunkStarts(geometry, heads: heads)
    let workers = context.pool.count
    strips = GatheredStrips(shape: shape, setting: setting)
    runMemory = StripRunMemory(blocks: 1, keys: geometry.largestBlock, workers: workers)
    router = ChunkRouter(stage, shape: shape, setting: setting, heads: heads)
    partial = Workspace(
      bytesPerWorker: 4 * Self.mostLanes * (shape.valueDim + 2), workers: workers)
    tops = Tensor([shape.batch * shape.queryHeads, shape.queryLength])
    sums = Tensor([shape.batch * shape.queryHeads, shape.queryLength])
    for worker in 0..<workers {
      let ids = laneIDs(worker)
      for lane in 0..<Self.mostLanes { ids[lane] = Int32(lane) }
    }
  }

  var bytes: Int {
    strips.bytes + runMemory.bytes + router.bytes + partial.bytes + tops.byteCount
      + sums.byteCount
  }

  var phases: [WorkerPool.Job] {
    let groups = shape.batch * shape.queryHeads / heads
    return [WorkerPool.Job(units: groups * (starts.count - 1), body: attend)]
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands = setting.current.value else { return }
    let (group, index) = unit.quotientAndRemainder(dividingBy: starts.count - 1)
    // The last chunks of a causal problem see the most; they come first.
    let chunk = starts.count - 2 - index
    let places = starts[chunk]..<starts[chunk + 1]
    let head = group * heads
    let at = operands.head(head, shape: shape)
    clear(places, head: head, at)
    let routes = router.collect(places, head: head, without: 0, worker: worker)
    for block in 0..<geometry.blockCount {
      let range = Int(routes.begins[block])..<Int(routes.begins[block + 1])
      attend(routes, range, block: block, head: head, at: at, operands, worker: worker)
    }
    divide(places, head: head, at)
    setting.board.add(
      worker: worker, elementsSorted: 0, rowsGathered: Int(routes.begins[geometry.blockCount]))
  }

  private func laneIDs(_ worker: Int) -> UnsafeMutablePointer<Int32> {
    let logSumExp =
      partial[worker].assumingMemoryBound(to: Float.self) + Self.mostLanes * shape.valueDim
    return UnsafeMutableRawPointer(logSumExp + Self.mostLanes).assumingMemoryBound(to: Int32.self)
  }

  /// Starts the output rows of a chunk: nothing merged so far.
  private func clear(_ places: Range<Int>, head: Int, _ at: AttendOperands.Head) {
    for index in 0..<heads {
      let output = at.output + index * shape.queryLength * shape.valueDim
      let first = (head + index) * shape.queryLength
      for place in places {
        let token = token(place)
        (output + token * shape.valueDim).update(repeating: 0, count: shape.valueDim)
        tops[first + token] = -.infinity
        sums[first + token] = 0
      }
    }
  }

  /// Makes weighted means of weighted sums; a row without any key stays zero.
  private func divide(_ places: Range<Int>, head: Int, _ at: AttendOperands.Head) {
    for index in 0..<heads {
      let output = at.output + index * shape.queryLength * shape.valueDim
      for place in places {
        let token = token(place)
        let sum = sums[(head + index) * shape.queryLength + token]
        guard sum > 0 else { continue }
        let share = 1 / sum
        let row = output + token * shape.valueDim
        for channel in 0..<shape.valueDim { row[channel] *= share }
      }
    }
  }

  private func token(_ place: Int) -> Int { geometry.order.map { Int($0[place]) } ?? place }

  private func attend(
    _ routes: ChunkRoutes, _ range: Range<Int>, block: Int, head: Int, at: AttendOperands.Head,
    _ operands: AttendOperands, worker: Int
  ) {
    let keys = geometry.keys(block: block)
    let lanes = setting.context.kernels.tile.lanes
    let part = partial[worker].assumingMemoryBound(to: Float.self)
    let logSumExp = part + Self.mostLanes * shape.valueDim
    let all = Int(routes.begins[geometry.blockCount])
    for first in Swift.stride(from: range.lowerBound, to: range.upperBound, by: lanes) {
      let count = min(lanes, range.upperBound - first)
      let rows = routes.rows + first
      var runs = runMemory.runs(
        worker: worker, lanes: count, keyTile: setting.context.kernels.tile.keys)
      see(keys, routes.places + first, count: count, runs)
      runs.append(keys, chosen: TileSchedule.laneMask(count))
      strips.load(rows, count: count, at, worker: worker)
      strips.announce(
        queries: rows + count, outputs: rows + count, of: at.output,
        count: min(lanes, all - first - count), at, worker: worker)
      strips.attend(runs, at, operands, worker: worker)
      strips.store(
        to: part, ids: laneIDs(worker), count: count, logSumExp: logSumExp, worker: worker)
      setting.context.kernels.select.merge_rows(
        at.output, tops.base + head * shape.queryLength, sums.base + head * shape.queryLength,
        rows, part, logSumExp, Int32(count), Int32(shape.valueDim))
      setting.board.add(worker: worker, keyRows: runs.keyRows, queryRows: count, shape)
    }
  }

  /// Writes how far every lane sees; places ascend, so that the first lane sees least.
  private func see(
    _ keys: Range<Int>, _ places: UnsafePointer<Int32>, count: Int, _ runs: StripRuns
  ) {
    let least = geometry.visibleKeys(place: Int(places[0]))
    guard least < keys.upperBound else {
      return runs.visible.update(repeating: Int32(least), count: count)
    }
    for lane in 0..<count {
      runs.visible[lane] = Int32(geometry.visibleKeys(place: Int(places[lane])))
    }
  }
}
