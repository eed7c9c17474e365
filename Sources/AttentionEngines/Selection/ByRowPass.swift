// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attention row unit by row unit: the keys that it chose are gathered into one run.
///
/// Pays where blocks are smaller than a key tile. Units of so few queries that they would leave
/// lanes of a strip empty read keys where they lie, if the kernels can.
final class ByRowPass: SelectedPass, @unchecked Sendable {
  private let shape: AttentionShape
  private let setting: SelectionSetting
  private let geometry: SelectionGeometry
  /// The most keys that a row unit can choose.
  private let mostKeys: Int
  private let blocksAreKeys: Bool
  private let scratch: Workspace
  private let gathered: Workspace
  private let places: Workspace
  private let ids: Workspace
  /// Per worker: rows of keys and of queries that come next.
  private let coming: Workspace
  private let runMemory: StripRunMemory
  /// Attends to pieces of the gathered keys with all strips of a row unit, where it has several.
  private let pieces: RowPieces?

  init(shape: AttentionShape, setting: SelectionSetting) {
    self.shape = shape
    self.setting = setting
    geometry = setting.geometry
    let context = setting.context
    let workers = context.pool.count
    let largest = setting.geometry.largestBlock
    blocksAreKeys = largest == 1
    mostKeys = min(setting.lists.capacity * largest, shape.keyLength)
    let bytes = context.kernels.tiled.strip_bytes(Int32(shape.headDim), Int32(shape.valueDim))
    let rows = setting.geometry
    let largestRow = (0..<rows.rowCount).reduce(0) { max($0, rows.queries(row: $1).count) }
    pieces =
      largestRow > context.kernels.tile.lanes
      ? RowPieces(shape: shape, setting: setting, mostKeys: mostKeys, mostQueries: largestRow) : nil
    scratch = Workspace(bytesPerWorker: pieces == nil ? bytes : 0, workers: workers)
    gathered = Workspace(
      bytesPerWorker: pieces == nil ? 4 * mostKeys * (shape.headDim + shape.valueDim) : 0,
      workers: workers)
    places = Workspace(bytesPerWorker: 4 * mostKeys, workers: workers)
    ids = Workspace(bytesPerWorker: 4 * 32, workers: workers)
    coming = Workspace(bytesPerWorker: 4 * (mostKeys + 32), workers: workers)
    runMemory = StripRunMemory(blocks: 1, keys: mostKeys, workers: workers)
  }

  var bytes: Int {
    scratch.bytes + gathered.bytes + places.bytes + ids.bytes + coming.bytes + runMemory.bytes
      + (pieces?.bytes ?? 0)
  }

  var phases: [WorkerPool.Job] {
    [
      WorkerPool.Job(
        units: shape.batch * shape.queryHeads * geometry.rowCount, body: attend)
    ]
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands = setting.current.value else { return }
    let (head, index) = unit.quotientAndRemainder(dividingBy: geometry.rowCount)
    // The last row units of a causal problem see the most; they come first.
    let row = geometry.rowCount - 1 - index
    let at = operands.head(head, shape: shape)
    let queries = geometry.queries(row: row)
    if attendFew(queries, head: head, row: row, at, operands, worker: worker) { return }
    if let pieces { return pieces.attend(head: head, row: row, at, operands, worker: worker) }
    let count = gather(
      head: head, row: row, visible: geometry.visibleKeys(place: queries.upperBound - 1), at,
      operands, worker: worker)
    setting.board.add(worker: worker, elementsSorted: 0, rowsGathered: count)
    let lanes = setting.context.kernels.tile.lanes
    for first in Swift.stride(from: queries.lowerBound, to: queries.upperBound, by: lanes) {
      let isLast = first + lanes >= queries.upperBound
      attend(
        first..<min(first + lanes, queries.upperBound), keys: count, at: at, worker: worker,
        next: isLast ? (head, row - setting.context.pool.count) : nil, operands)
    }
  }

  /// Lets the caches be filled with what the worker's next row unit will most likely gather.
  private func announce(
    head: Int, row: Int, at: AttendOperands.Head, _ operands: AttendOperands, worker: Int
  ) {
    guard row >= 0 else { return }
    let queries = geometry.queries(row: row)
    let (keys, count) = keys(
      of: setting.lists.blocks(head: head, row: row),
      into: coming[worker].assumingMemoryBound(to: Int32.self))
    let ids = coming[worker].assumingMemoryBound(to: Int32.self) + mostKeys
    let lanes = min(queries.count, setting.context.kernels.tile.lanes)
    for lane in 0..<lanes {
      let place = queries.lowerBound + lane
      ids[lane] = geometry.order.map { $0[place] } ?? Int32(place)
    }
    var announcement = attn_tiled_next_t(
      queries: at.query, keys: setting.source.keys(at.keyValueIndex, operands),
      values: setting.source.values(at.keyValueIndex, operands),
      outputs: UnsafePointer(at.output), query_stride: shape.headDim, key_stride: shape.headDim,
      value_stride: shape.valueDim, output_stride: shape.valueDim, query_ids: ids,
      output_ids: ids, key_ids: keys, count: Int32(lanes), key_count: Int32(count))
    setting.context.kernels.tiled.announce?(scratch[worker], &announcement)
  }

  /// Queries that a kernel for few of them takes at a time.
  private static let fewQueries = 8

  /// Attends to keys where they lie; false where there is no kernel for it.
  private func attendFew(
    _ queries: Range<Int>, head: Int, row: Int, _ at: AttendOperands.Head,
    _ operands: AttendOperands, worker: Int
  ) -> Bool {
    guard let attend = setting.context.kernels.select.attend_few,
      queries.count <= Self.fewQueries, shape.headDim.isMultiple(of: 2),
      shape.valueDim.isMultiple(of: 32), max(shape.headDim, shape.valueDim) <= ATTN_FEW_WIDTH
    else { return false }
    let (keys, count) = keys(
      of: setting.lists.blocks(head: head, row: row),
      into: places[worker].assumingMemoryBound(to: Int32.self))
    // Every query must see every key.
    guard count == 0 || Int(keys[count - 1]) < geometry.visibleKeys(place: queries.lowerBound)
    else { return false }
    let ids = ids[worker].assumingMemoryBound(to: Int32.self)
    for (lane, place) in queries.enumerated() {
      ids[lane] = geometry.order.map { $0[place] } ?? Int32(place)
    }
    var few = attn_few_t(
      queries: at.query, keys: setting.source.keys(at.keyValueIndex, operands),
      values: setting.source.values(at.keyValueIndex, operands), outputs: at.output,
      query_stride: shape.headDim, key_stride: shape.headDim, value_stride: shape.valueDim,
      output_stride: shape.valueDim, query_ids: ids, key_ids: keys,
      query_count: Int32(queries.count), key_count: Int32(count), head_dim: Int32(shape.headDim),
      value_dim: Int32(shape.valueDim), scale: shape.kernelScale)
    attend(&few, setting.board[worker])
    setting.board.add(worker: worker, elementsSorted: 0, rowsGathered: count)
    setting.board.add(worker: worker, keyRows: count, queryRows: queries.count, shape)
    return true
  }

  /// Places of the keys of `blocks`: the list itself where blocks are single keys.
  private func keys(
    of blocks: UnsafeBufferPointer<Int32>, into places: UnsafeMutablePointer<Int32>
  ) -> (UnsafePointer<Int32>, count: Int) {
    if blocksAreKeys, let first = blocks.baseAddress { return (first, blocks.count) }
    var count = 0
    for block in blocks {
      for key in geometry.keys(block: Int(block)) {
        places[count] = Int32(key)
        count += 1
      }
    }
    return (UnsafePointer(places), count)
  }

  /// Copies the visible keys and values of the chosen blocks and returns how many there are.
  private func gather(
    head: Int, row: Int, visible: Int, _ at: AttendOperands.Head, _ operands: AttendOperands,
    worker: Int
  ) -> Int {
    let keys = setting.source.keys(at.keyValueIndex, operands)
    let values = setting.source.values(at.keyValueIndex, operands)
    let target = gathered[worker].assumingMemoryBound(to: Float.self)
    let valueTarget = target + mostKeys * shape.headDim
    let places = places[worker].assumingMemoryBound(to: Int32.self)
    var count = 0
    for block in setting.lists.blocks(head: head, row: row) {
      let range = geometry.keys(block: Int(block))
      let seen = min(range.upperBound, visible) - range.lowerBound
      guard seen > 0 else { continue }
      let first = range.lowerBound
      (target + count * shape.headDim).update(
        from: keys + first * shape.headDim, count: seen * shape.headDim)
      (valueTarget + count * shape.valueDim).update(
        from: values + first * shape.valueDim, count: seen * shape.valueDim)
      for offset in 0..<seen { places[count + offset] = Int32(first + offset) }
      count += seen
    }
    return count
  }

  private func attend(
    _ queries: Range<Int>, keys: Int, at: AttendOperands.Head, worker: Int,
    next: (head: Int, row: Int)?, _ operands: AttendOperands
  ) {
    let places = places[worker].assumingMemoryBound(to: Int32.self)
    let ids = ids[worker].assumingMemoryBound(to: Int32.self)
    var runs = runMemory.runs(
      worker: worker, lanes: queries.count, keyTile: setting.context.kernels.tile.keys)
    var seen = 0
    for (lane, place) in queries.enumerated() {
      let visible = geometry.visibleKeys(place: place)
      while seen < keys, Int(places[seen]) < visible { seen += 1 }
      runs.visible[lane] = Int32(seen)
      ids[lane] = geometry.order.map { $0[place] } ?? Int32(place)
    }
    runs.append(0..<keys, chosen: TileSchedule.laneMask(queries.count))
    let kernels = setting.context.kernels.tiled
    let keyRows = gathered[worker].assumingMemoryBound(to: Float.self)
    kernels.load(
      scratch[worker], at.query, shape.headDim, ids, Int32(queries.count), Int32(shape.headDim),
      Int32(shape.valueDim), shape.kernelScale)
    if let next {
      announce(head: next.head, row: next.row, at: at, operands, worker: worker)
    }
    kernels.attend(
      scratch[worker], keyRows, shape.headDim, keyRows + mostKeys * shape.headDim, shape.valueDim,
      nil, runs.runs, Int32(runs.runCount), runs.masks, setting.board[worker])
    kernels.store(
      scratch[worker], at.output, shape.valueDim, ids, Int32(queries.count), nil)
    setting.board.add(worker: worker, keyRows: runs.keyRows, queryRows: queries.count, shape)
  }
}
