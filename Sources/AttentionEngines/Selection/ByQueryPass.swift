// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attention strip by strip: queries visit the union of their blocks under lane masks.
///
/// Where row units fill a strip, its queries belong to one unit and no mask is needed but at the
/// causal edge. Heads that share a list of single tokens lie side by side in a strip.
final class ByQueryPass: SelectedPass, @unchecked Sendable {
  private let shape: AttentionShape
  private let setting: SelectionSetting
  private let geometry: SelectionGeometry
  private let headsPerStrip: Int
  private let strips: [SelectedStrip]
  private let scratch: Workspace
  private let runMemory: StripRunMemory
  /// Per worker: lanes that chose each block, all zero between strips.
  private let chosen: Workspace
  private let ids: Workspace
  private let packed: PackedScores?
  private let tile: TileSize

  init(_ stage: AttendSelected, shape: AttentionShape, setting: SelectionSetting) {
    self.shape = shape
    self.setting = setting
    geometry = setting.geometry
    let context = setting.context
    let workers = context.pool.count
    if case .int8(let rule) = stage.precision {
      packed = PackedScores(rule: rule, shape: shape, setting: setting)
      tile = context.kernels.lowBitTile
    } else {
      packed = nil
      tile = context.kernels.tile
    }
    headsPerStrip = stage.headsPerStrip(shape: shape, lanes: tile.lanes)
    strips = SelectedStrip.strips(
      stage, geometry, width: tile.lanes / headsPerStrip, lanes: tile.lanes,
      queries: shape.queryLength)
    let bytes =
      packed?.stripBytes
      ?? context.kernels.tiled.strip_bytes(Int32(shape.headDim), Int32(shape.valueDim))
    scratch = Workspace(bytesPerWorker: bytes, workers: workers)
    runMemory = StripRunMemory(
      blocks: geometry.blockCount, keys: shape.keyLength, workers: workers)
    chosen = Workspace(bytesPerWorker: 4 * geometry.blockCount, workers: workers)
    for worker in 0..<workers {
      chosen[worker].assumingMemoryBound(to: UInt32.self)
        .update(repeating: 0, count: geometry.blockCount)
    }
    ids = Workspace(bytesPerWorker: 4 * 32, workers: workers)
  }

  var bytes: Int {
    scratch.bytes + (packed?.bytes ?? 0) + runMemory.bytes + chosen.bytes + ids.bytes
      + strips.count * MemoryLayout<SelectedStrip>.stride
  }

  var phases: [WorkerPool.Job] {
    let groups = shape.batch * shape.queryHeads / headsPerStrip
    return (packed?.phases ?? []) + [WorkerPool.Job(units: groups * strips.count, body: attend)]
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands = setting.current.value else { return }
    let (group, index) = unit.quotientAndRemainder(dividingBy: strips.count)
    // The last strips of a causal problem are the longest; they come first.
    let strip = strips[strips.count - 1 - index]
    let head = group * headsPerStrip
    let lanes = strip.places.count * headsPerStrip
    var runs = runMemory.runs(
      worker: worker, lanes: lanes, keyTile: tile.keys)
    let ids = ids[worker].assumingMemoryBound(to: Int32.self)
    fill(strip, head: head, runs.visible, ids)
    if let filter = setting.filter {
      let at = operands.head(head, shape: shape)
      attend(strip, head: head, filter, at, operands, ids: ids, worker: worker, &runs)
      return
    }
    if let row = strip.row {
      for block in setting.lists.blocks(head: head, row: row) where block < geometry.wholeBlocks {
        runs.append(geometry.keys(block: Int(block)), chosen: TileSchedule.laneMask(lanes))
      }
    } else {
      appendUnion(strip, head: head, worker: worker, &runs)
    }
    let wholeRuns = runs.runCount
    if setting.pyramid != nil, let row = strip.row {
      for block in setting.lists.blocks(head: head, row: row) where block >= geometry.wholeBlocks {
        runs.append(mean: geometry.keys(block: Int(block)), from: shape.keyLength)
      }
    }
    let at = operands.head(head, shape: shape)
    let memory = scratch[worker]
    setting.board.add(worker: worker, keyRows: runs.keyRows, queryRows: lanes, shape)
    if let packed {
      packed.attend(
        memory, head: head, at: at, ids: ids, lanes: lanes, runs: runs,
        counts: setting.board[worker])
      return
    }
    let kernels = setting.context.kernels.tiled
    kernels.load(
      memory, at.query, shape.headDim, ids, Int32(lanes), Int32(shape.headDim),
      Int32(shape.valueDim), shape.kernelScale)
    kernels.attend(
      memory, setting.source.keys(at.keyValueIndex, operands), shape.headDim,
      setting.source.values(at.keyValueIndex, operands), shape.valueDim, nil, runs.runs,
      Int32(wholeRuns), runs.masks, setting.board[worker])
    if let pyramid = setting.pyramid, runs.runCount > wholeRuns {
      kernels.attend(
        memory, pyramid.keys(at.keyValueIndex), shape.headDim, pyramid.values(at.keyValueIndex),
        shape.valueDim, pyramid.bias.base, runs.runs + wholeRuns,
        Int32(runs.runCount - wholeRuns), runs.masks, setting.board[worker])
    }
    kernels.store(memory, at.output, shape.valueDim, ids, Int32(lanes), nil)
  }

  /// Attends to one block after the other, so that each can be left out.
  private func attend(
    _ strip: SelectedStrip, head: Int, _ filter: ScoreFilter, _ at: AttendOperands.Head,
    _ operands: AttendOperands, ids: UnsafePointer<Int32>, worker: Int, _ runs: inout StripRuns
  ) {
    let kernels = setting.context.kernels.tiled
    let memory = scratch[worker]
    let lanes = strip.places.count
    // Strips of several row units are those of a sequence shorter than a strip.
    let row = strip.row ?? 0
    let marks = filter.marks(
      head: head, row: row, offset: strip.places.lowerBound - geometry.queries(row: row).lowerBound)
    kernels.load(
      memory, at.query, shape.headDim, ids, Int32(lanes), Int32(shape.headDim),
      Int32(shape.valueDim), shape.kernelScale)
    filter.begin(memory)
    let keys = setting.source.keys(at.keyValueIndex, operands)
    let values = setting.source.values(at.keyValueIndex, operands)
    var pairs = 0
    for block in setting.lists.blocks(head: head, row: row) {
      let (firstRun, firstKey) = (runs.runCount, runs.keyRows)
      runs.append(geometry.keys(block: Int(block)), chosen: TileSchedule.laneMask(lanes))
      guard runs.runCount > firstRun else { continue }
      kernels.attend(
        memory, keys, shape.headDim, values, shape.valueDim, nil, runs.runs + firstRun,
        Int32(runs.runCount - firstRun), runs.masks, setting.board[worker])
      guard attn_tiled_left_out(memory) != 0 else { continue }
      marks[Int(block) / 32] |= 1 << UInt32(block % 32)
      pairs += (runs.keyRows - firstKey) * lanes
    }
    kernels.store(memory, at.output, shape.valueDim, ids, Int32(lanes), nil)
    setting.board.add(worker: worker, keyRows: runs.keyRows, queryRows: lanes, shape)
    setting.board.add(worker: worker, pairsLeftOut: pairs)
  }

  /// Writes what every lane sees and its row, counted from the first head's first query.
  private func fill(
    _ strip: SelectedStrip, head first: Int, _ visible: UnsafeMutablePointer<Int32>,
    _ ids: UnsafeMutablePointer<Int32>
  ) {
    var lane = 0
    for place in strip.places {
      let token =
        setting.orders?.token(head: first, place: place)
        ?? geometry.order.map { Int($0[place]) } ?? place
      for head in 0..<headsPerStrip {
        visible[lane] = Int32(geometry.visibleKeys(place: place))
        ids[lane] = Int32(head * shape.queryLength + token)
        lane += 1
      }
    }
  }

  private func appendUnion(
    _ strip: SelectedStrip, head: Int, worker: Int, _ runs: inout StripRuns
  ) {
    let chosen = chosen[worker].assumingMemoryBound(to: UInt32.self)
    var (first, last) = (geometry.blockCount, -1)
    for row in geometry.rowsCovering(strip.places) {
      let places = geometry.queries(row: row).clamped(to: strip.places)
      let lane = (places.lowerBound - strip.places.lowerBound) * headsPerStrip
      let lanes = TileSchedule.laneMask(places.count * headsPerStrip) << UInt32(lane)
      for block in setting.lists.blocks(head: head, row: row) {
        chosen[Int(block)] |= lanes
        first = min(first, Int(block))
        last = max(last, Int(block))
      }
    }
    guard first <= last else { return }
    for block in first...last where chosen[block] != 0 {
      runs.append(geometry.keys(block: block), chosen: chosen[block])
      chosen[block] = 0
    }
  }
}

/// Query places that are attended together.
struct SelectedStrip {
  let places: Range<Int>
  /// The row unit of all of them, or nil where they are of several.
  let row: Int?

  /// Strips of at most `width` places: cut inside row units where some unit fills `lanes`.
  static func strips(
    _ stage: AttendSelected, _ geometry: SelectionGeometry, width: Int, lanes: Int, queries: Int
  ) -> [SelectedStrip] {
    let isLarge = (0..<geometry.rowCount).contains { geometry.queries(row: $0).count >= lanes }
    guard isLarge || stage.rows == .block else {
      return cut(0..<queries, width, row: nil)
    }
    return (0..<geometry.rowCount).flatMap { cut(geometry.queries(row: $0), width, row: $0) }
  }

  private static func cut(_ range: Range<Int>, _ width: Int, row: Int?) -> [SelectedStrip] {
    Swift.stride(from: range.lowerBound, to: range.upperBound, by: width).map {
      SelectedStrip(places: $0..<min($0 + width, range.upperBound), row: row)
    }
  }
}
