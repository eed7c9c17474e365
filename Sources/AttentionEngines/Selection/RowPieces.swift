// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attention of row units that fill several strips: a few hundred of the keys at a time are
/// gathered, and all strips attend to them before the next ones come.
///
/// What is gathered stays in the second cache, and keys are read once for all strips. While strips
/// attend, they fetch the rows of the next piece.
final class RowPieces: @unchecked Sendable {
  private let shape: AttentionShape
  private let setting: SelectionSetting
  private let geometry: SelectionGeometry
  private let mostKeys: Int
  private let mostStrips: Int
  /// Keys of a piece: whole key tiles.
  private let pieceKeys: Int
  private let stripBytes: Int
  private let strips: Workspace
  private let gathered: Workspace
  /// Per worker: places of the keys; rows of the queries, keys that they see, and keys that each
  /// strip visits.
  private let places: Workspace
  private let runMemory: StripRunMemory
  private static let mostLanes = 32
  private static let tilesPerPiece = 48

  init(shape: AttentionShape, setting: SelectionSetting, mostKeys: Int, mostQueries: Int) {
    self.shape = shape
    self.setting = setting
    self.mostKeys = mostKeys
    geometry = setting.geometry
    let tile = setting.context.kernels.tile
    let workers = setting.context.pool.count
    pieceKeys = Self.tilesPerPiece * tile.keys
    mostStrips = (mostQueries + tile.lanes - 1) / tile.lanes
    let bytes = setting.context.kernels.tiled.strip_bytes(
      Int32(shape.headDim), Int32(shape.valueDim))
    stripBytes = (bytes + 63) & ~63
    strips = Workspace(bytesPerWorker: mostStrips * stripBytes, workers: workers)
    gathered = Workspace(
      bytesPerWorker: 4 * pieceKeys * (shape.headDim + shape.valueDim), workers: workers)
    places = Workspace(
      bytesPerWorker: 4 * (mostKeys + mostStrips * (2 * Self.mostLanes + 1)), workers: workers)
    runMemory = StripRunMemory(blocks: 1, keys: pieceKeys, workers: workers)
  }

  var bytes: Int { strips.bytes + gathered.bytes + places.bytes + runMemory.bytes }

  /// The row unit at hand.
  private struct Unit {
    let queries: Range<Int>
    let lanes: Int
    let places: UnsafeMutablePointer<Int32>
    let ids: UnsafeMutablePointer<Int32>
    let visible: UnsafeMutablePointer<Int32>
    let keyRows: UnsafeMutablePointer<Int32>
    var keys = 0

    var strips: Int { (queries.count + lanes - 1) / lanes }
    func lanes(of strip: Int) -> Int { min(lanes, queries.count - strip * lanes) }
  }

  func attend(
    head: Int, row: Int, _ at: AttendOperands.Head, _ operands: AttendOperands, worker: Int
  ) {
    let unit = unit(head: head, row: row, worker: worker)
    let kernels = setting.context.kernels.tiled
    for strip in 0..<unit.strips {
      kernels.load(
        memory(strip, worker), at.query, shape.headDim, unit.ids + strip * unit.lanes,
        Int32(unit.lanes(of: strip)), Int32(shape.headDim), Int32(shape.valueDim),
        shape.kernelScale)
    }
    for first in Swift.stride(from: 0, to: unit.keys, by: pieceKeys) {
      let piece = first..<min(first + pieceKeys, unit.keys)
      gather(piece, unit, at, operands, worker: worker)
      for strip in 0..<unit.strips {
        announce(unit, after: piece, strip: strip, at, operands, worker: worker)
        attend(piece, unit, strip: strip, worker: worker)
      }
    }
    for strip in 0..<unit.strips {
      let lanes = unit.lanes(of: strip)
      kernels.store(
        memory(strip, worker), at.output, shape.valueDim, unit.ids + strip * unit.lanes,
        Int32(lanes), nil)
      setting.board.add(
        worker: worker, keyRows: Int(unit.keyRows[strip]), queryRows: lanes, shape)
    }
    setting.board.add(worker: worker, elementsSorted: 0, rowsGathered: unit.keys)
  }

  private func memory(_ strip: Int, _ worker: Int) -> UnsafeMutableRawPointer {
    strips[worker] + strip * stripBytes
  }

  /// Finds the keys that a row unit sees, and how many of them each query does.
  private func unit(head: Int, row: Int, worker: Int) -> Unit {
    let places = places[worker].assumingMemoryBound(to: Int32.self)
    let ids = places + mostKeys
    let visible = ids + mostStrips * Self.mostLanes
    var unit = Unit(
      queries: geometry.queries(row: row), lanes: setting.context.kernels.tile.lanes,
      places: places, ids: ids, visible: visible,
      keyRows: visible + mostStrips * Self.mostLanes)
    let limit = geometry.visibleKeys(place: unit.queries.upperBound - 1)
    for block in setting.lists.blocks(head: head, row: row) {
      let range = geometry.keys(block: Int(block))
      for key in range.lowerBound..<max(min(range.upperBound, limit), range.lowerBound) {
        places[unit.keys] = Int32(key)
        unit.keys += 1
      }
    }
    // Later queries see no less: the last keys are the ones that some do not see.
    var seen = unit.keys
    for index in (0..<unit.queries.count).reversed() {
      let place = unit.queries.lowerBound + index
      let sees = geometry.visibleKeys(place: place)
      while seen > 0, Int(places[seen - 1]) >= sees { seen -= 1 }
      visible[index] = Int32(seen)
      ids[index] = geometry.order.map { $0[place] } ?? Int32(place)
    }
    unit.keyRows.update(repeating: 0, count: unit.strips)
    return unit
  }

  /// Copies the keys and values of a piece.
  private func gather(
    _ piece: Range<Int>, _ unit: Unit, _ at: AttendOperands.Head, _ operands: AttendOperands,
    worker: Int
  ) {
    let keys = setting.source.keys(at.keyValueIndex, operands)
    let values = setting.source.values(at.keyValueIndex, operands)
    let target = gathered[worker].assumingMemoryBound(to: Float.self)
    let valueTarget = target + pieceKeys * shape.headDim
    for (index, position) in piece.enumerated() {
      let place = Int(unit.places[position])
      (target + index * shape.headDim).update(
        from: keys + place * shape.headDim, count: shape.headDim)
      (valueTarget + index * shape.valueDim).update(
        from: values + place * shape.valueDim, count: shape.valueDim)
    }
  }

  private func attend(_ piece: Range<Int>, _ unit: Unit, strip: Int, worker: Int) {
    let lanes = unit.lanes(of: strip)
    let kernels = setting.context.kernels
    var runs = runMemory.runs(worker: worker, lanes: lanes, keyTile: kernels.tile.keys)
    for lane in 0..<lanes {
      let seen = Int(unit.visible[strip * unit.lanes + lane]) - piece.lowerBound
      runs.visible[lane] = Int32(min(max(seen, 0), piece.count))
    }
    runs.append(0..<piece.count, chosen: TileSchedule.laneMask(lanes))
    guard runs.runCount > 0 else { return }
    unit.keyRows[strip] += Int32(runs.keyRows)
    let keys = gathered[worker].assumingMemoryBound(to: Float.self)
    kernels.tiled.attend(
      memory(strip, worker), keys, shape.headDim, keys + pieceKeys * shape.headDim, shape.valueDim,
      nil, runs.runs, Int32(runs.runCount), runs.masks, setting.board[worker])
  }

  /// Lets a strip fetch its share of the next piece.
  private func announce(
    _ unit: Unit, after piece: Range<Int>, strip: Int, _ at: AttendOperands.Head,
    _ operands: AttendOperands, worker: Int
  ) {
    let count = min(pieceKeys, unit.keys - piece.upperBound)
    let share = count * strip / unit.strips..<count * (strip + 1) / unit.strips
    guard !share.isEmpty else { return }
    var announcement = attn_tiled_next_t(
      queries: at.query, keys: setting.source.keys(at.keyValueIndex, operands),
      values: setting.source.values(at.keyValueIndex, operands),
      outputs: UnsafePointer(at.output), query_stride: shape.headDim, key_stride: shape.headDim,
      value_stride: shape.valueDim, output_stride: shape.valueDim, query_ids: unit.ids,
      output_ids: unit.ids, key_ids: unit.places + piece.upperBound + share.lowerBound, count: 0,
      key_count: Int32(share.count))
    setting.context.kernels.tiled.announce?(memory(strip, worker), &announcement)
  }
}
