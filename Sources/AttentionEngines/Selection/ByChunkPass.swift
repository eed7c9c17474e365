// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attention block by block for a few thousand queries at a time: partial rows are merged into the
/// output at once, while it is in the caches.
///
/// Where many blocks are chosen, all partial rows together would be many times the output. Heads
/// that share a list of single tokens fill strips together.
final class ByChunkPass: SelectedPass, @unchecked Sendable {
  private let shape: AttentionShape
  private let setting: SelectionSetting
  private let geometry: SelectionGeometry
  private let heads: Int
  /// First query place of every chunk, and the number of queries.
  private let starts: [Int]
  private let scratch: Workspace
  private let runMemory: StripRunMemory
  /// Per worker: where the rows of every block begin, then the rows, block after block.
  private let routes: Workspace
  /// Per worker: partial rows of a strip, their log-sum-exp, rows that they are merged into.
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
    let bytes = context.kernels.tiled.strip_bytes(Int32(shape.headDim), Int32(shape.valueDim))
    scratch = Workspace(bytesPerWorker: bytes, workers: workers)
    runMemory = StripRunMemory(blocks: 1, keys: geometry.largestBlock, workers: workers)
    let mostRows = zip(starts, starts.dropFirst()).reduce(0) { max($0, $1.1 - $1.0) } * heads
    routes = Workspace(
      bytesPerWorker: 4 * (geometry.blockCount + 1 + mostRows * setting.lists.capacity),
      workers: workers)
    partial = Workspace(
      bytesPerWorker: 4 * Self.mostLanes * (shape.valueDim + 4), workers: workers)
    tops = Tensor([shape.batch * shape.queryHeads, shape.queryLength])
    sums = Tensor([shape.batch * shape.queryHeads, shape.queryLength])
  }

  var bytes: Int {
    scratch.bytes + runMemory.bytes + routes.bytes + partial.bytes + tops.byteCount
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
    let begins = routes[worker].assumingMemoryBound(to: Int32.self)
    let rows = begins + geometry.blockCount + 1
    collect(places, head: head, begins, rows)
    for block in 0..<geometry.blockCount {
      let range = Int(begins[block])..<Int(begins[block + 1])
      attend(rows, range, block: block, head: head, at: at, operands, worker: worker)
    }
    divide(places, head: head, at)
    setting.board.add(
      worker: worker, elementsSorted: 0, rowsGathered: Int(begins[geometry.blockCount]))
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

  /// A counting sort of the chunk's choices by block; a row is a place and a head of the group.
  private func collect(
    _ places: Range<Int>, head: Int, _ begins: UnsafeMutablePointer<Int32>,
    _ rows: UnsafeMutablePointer<Int32>
  ) {
    begins.update(repeating: 0, count: geometry.blockCount + 1)
    let units = geometry.rowsCovering(places)
    for unit in units {
      let count = Int32(geometry.queries(row: unit).clamped(to: places).count * heads)
      for block in setting.lists.blocks(head: head, row: unit) { begins[Int(block) + 1] += count }
    }
    for block in 0..<geometry.blockCount { begins[block + 1] += begins[block] }
    // Filling moves every beginning to the end of its block; afterwards they are shifted back.
    for unit in units {
      let blocks = setting.lists.blocks(head: head, row: unit)
      for place in geometry.queries(row: unit).clamped(to: places) {
        for block in blocks {
          for index in 0..<heads {
            rows[Int(begins[Int(block)])] = Int32(place * heads + index)
            begins[Int(block)] += 1
          }
        }
      }
    }
    for block in Swift.stride(from: geometry.blockCount, to: 0, by: -1) {
      begins[block] = begins[block - 1]
    }
    begins[0] = 0
  }

  private func attend(
    _ rows: UnsafePointer<Int32>, _ range: Range<Int>, block: Int, head: Int,
    at: AttendOperands.Head, _ operands: AttendOperands, worker: Int
  ) {
    let lanes = setting.context.kernels.tile.lanes
    let kernels = setting.context.kernels.tiled
    let part = partial[worker].assumingMemoryBound(to: Float.self)
    let logSumExp = part + Self.mostLanes * shape.valueDim
    let ids = UnsafeMutableRawPointer(logSumExp + Self.mostLanes).assumingMemoryBound(
      to: Int32.self)
    let own = ids + Self.mostLanes
    for first in Swift.stride(from: range.lowerBound, to: range.upperBound, by: lanes) {
      let count = min(lanes, range.upperBound - first)
      var runs = runMemory.runs(
        worker: worker, lanes: count, keyTile: setting.context.kernels.tile.keys)
      for lane in 0..<count {
        let (place, index) = Int(rows[first + lane]).quotientAndRemainder(dividingBy: heads)
        runs.visible[lane] = Int32(geometry.visibleKeys(place: place))
        ids[lane] = Int32(index * shape.queryLength + token(place))
        own[lane] = Int32(lane)
      }
      runs.append(geometry.keys(block: block), chosen: TileSchedule.laneMask(count))
      kernels.load(
        scratch[worker], at.query, shape.headDim, ids, Int32(count), Int32(shape.headDim),
        Int32(shape.valueDim), shape.kernelScale)
      kernels.attend(
        scratch[worker], setting.source.keys(at.keyValueIndex, operands), shape.headDim,
        setting.source.values(at.keyValueIndex, operands), shape.valueDim, nil, runs.runs,
        Int32(runs.runCount), runs.masks, setting.board[worker])
      kernels.store(scratch[worker], part, shape.valueDim, own, Int32(count), logSumExp)
      setting.context.kernels.select.merge_rows(
        at.output, tops.base + head * shape.queryLength, sums.base + head * shape.queryLength,
        ids, part, logSumExp, Int32(count), Int32(shape.valueDim))
      setting.board.add(worker: worker, keyRows: runs.keyRows, queryRows: count, shape)
    }
  }
}
