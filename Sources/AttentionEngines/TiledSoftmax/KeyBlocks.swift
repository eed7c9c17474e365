// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Strips in a row that start with the same long run of keys take it together, block by block.
///
/// Alone, every strip reads all keys and values of its head from behind the second-level cache. Where
/// they do not fit into what a core gets of the last-level cache either, that takes a third of the time
/// and more; together, a block is read once per group. A block is what kernels collect weights of before
/// they turn to the values, so that every strip does what it would do alone, to the last bit.
final class KeyBlocks: @unchecked Sendable {
  /// Bytes of keys and values of a head up to which strips read them alone: measured beside neighbours,
  /// 4 MiB are as fast either way and 8 MiB are not.
  private static let mostBytesAlone = 4 << 20
  /// Keys per block.
  private static let keys = Int(ATTN_TILED_BLOCK_KEYS)
  /// Strips per group at most: 8 read keys twice as often, and the states of more leave the cache.
  static let mostStrips = 16

  private let shape: AttentionShape
  private let kernels: attn_tiled_kernels_t
  private let stripBytes: Int
  /// `0 ..< keyLength`: kernels fetch rows by index.
  private let rows: UnsafeMutablePointer<Int32>

  /// Nil where keys and values of a head are few.
  init?(_ shape: AttentionShape, kernels: attn_tiled_kernels_t) {
    let rowBytes = MemoryLayout<Float>.stride * (shape.headDim + shape.valueDim)
    guard rowBytes * shape.keyLength > Self.mostBytesAlone else { return nil }
    self.shape = shape
    self.kernels = kernels
    let bytes = kernels.strip_bytes(Int32(shape.headDim), Int32(shape.valueDim))
    stripBytes = (bytes + 127) & ~127
    rows = .allocate(capacity: shape.keyLength)
    for row in 0..<shape.keyLength { (rows + row).initialize(to: Int32(row)) }
  }

  deinit {
    rows.deallocate()
  }

  var bytes: Int { 4 * shape.keyLength }

  /// Scratch of one worker.
  var scratchBytes: Int { Self.mostStrips * stripBytes }

  /// Strips in a row that share the first keys of their first runs.
  struct Group {
    let positions: Range<Int>
    /// Keys that are shared: whole blocks, never all of a strip's first run.
    let keys: Int
  }

  /// The group that begins at the first of `positions`; nil where its strip shares nothing.
  func group(_ positions: Range<Int>, of places: StripPlaces) -> Group? {
    let place = places[positions.lowerBound]
    guard let first = sharedRun(place, places) else { return nil }
    var end = positions.lowerBound + 1
    var least = first.count
    while end < positions.upperBound, end - positions.lowerBound < Self.mostStrips {
      let other = places[end]
      guard other.head == place.head, let run = sharedRun(other, places),
        run.first_key == first.first_key
      else { break }
      least = min(least, run.count)
      end += 1
    }
    // The last keys of every strip are its own: with them it announces what comes next.
    let shared = (Int(least) - 1) / Self.keys * Self.keys
    let positions = positions.lowerBound..<end
    return positions.count > 1 && shared > 0 ? Group(positions: positions, keys: shared) : nil
  }

  /// The first run of a strip if it can be shared.
  private func sharedRun(_ place: StripPlaces.Place, _ places: StripPlaces) -> attn_run_t? {
    guard places.relativeBias(place) == nil else { return nil }
    let schedule = places.schedules[place.pattern]
    let runs = schedule.strips[place.strip].runs
    guard !runs.isEmpty else { return nil }
    let run = schedule.runs[runs.lowerBound]
    return run.mask < 0 && run.step == 1 && run.count > Self.keys ? run : nil
  }

  /// Attends the strips of a group.
  func attend(
    _ group: Group, of places: StripPlaces, _ operands: AttendOperands,
    scratch: UnsafeMutableRawPointer, worker: Int, board: CountBoard
  ) {
    let strips = group.positions.enumerated().map { slot, position in
      (place: places[position], scratch: scratch + slot * stripBytes)
    }
    let at = operands.head(strips[0].place.head, shape: shape)
    for (place, scratch) in strips {
      let schedule = places.schedules[place.pattern]
      let queries = schedule.strips[place.strip].queries
      kernels.load(
        scratch, at.query, shape.headDim, schedule.queries + queries.lowerBound,
        Int32(queries.count), Int32(shape.headDim), Int32(shape.valueDim), shape.kernelScale)
    }
    for first in stride(from: 0, to: group.keys, by: Self.keys) {
      for (slot, (place, scratch)) in strips.enumerated() {
        let schedule = places.schedules[place.pattern]
        var run = schedule.runs[schedule.strips[place.strip].runs.lowerBound]
        run.first_key += Int32(first)
        run.count = Int32(Self.keys)
        announceKeys(after: run, share: slot, of: strips.count, at, scratch: scratch)
        attend(place, of: places, &run, 1, at, scratch: scratch, board[worker])
      }
    }
    for (slot, (place, scratch)) in strips.enumerated() {
      let following = group.positions.upperBound + slot
      if following < places.count {
        var next = places.announcement(of: places[following], operands, shape: shape)
        kernels.announce?(scratch, &next)
      }
      attendRest(
        place, of: places, from: group.keys, at, scratch: scratch, worker: worker, board: board)
    }
  }

  /// Attends a strip to its keys from the one at `shared` of its first run on, and ends it.
  private func attendRest(
    _ place: StripPlaces.Place, of places: StripPlaces, from shared: Int,
    _ at: AttendOperands.Head, scratch: UnsafeMutableRawPointer, worker: Int, board: CountBoard
  ) {
    let schedule = places.schedules[place.pattern]
    let strip = schedule.strips[place.strip]
    withUnsafeTemporaryAllocation(of: attn_run_t.self, capacity: strip.runs.count) { buffer in
      guard let runs = buffer.baseAddress else { return }
      runs.initialize(from: schedule.runs + strip.runs.lowerBound, count: strip.runs.count)
      runs.pointee.first_key += Int32(shared)
      runs.pointee.count -= Int32(shared)
      attend(
        place, of: places, runs, strip.runs.count, at, scratch: scratch, board[worker])
    }
    board.add(
      worker: worker, keyRows: schedule.keyRows(strip), queryRows: strip.queries.count, shape)
    kernels.store(
      scratch, at.output, shape.valueDim, schedule.queries + strip.queries.lowerBound,
      Int32(strip.queries.count), nil)
  }

  private func attend(
    _ place: StripPlaces.Place, of places: StripPlaces, _ runs: UnsafePointer<attn_run_t>,
    _ count: Int, _ at: AttendOperands.Head, scratch: UnsafeMutableRawPointer,
    _ counts: UnsafeMutablePointer<attn_counts_t>
  ) {
    kernels.attend(
      scratch, at.key, shape.headDim, at.value, shape.valueDim, places.bias(place), runs,
      Int32(count), places.schedules[place.pattern].masks, counts)
  }

  /// Lets the strip at place `share` of `count` fetch its part of the block after `run`.
  private func announceKeys(
    after run: attn_run_t, share: Int, of count: Int, _ at: AttendOperands.Head,
    scratch: UnsafeMutableRawPointer
  ) {
    let end = Int(run.first_key + run.count)
    let block = end..<min(end + Self.keys, shape.keyLength)
    let first = block.lowerBound + block.count * share / count
    let last = block.lowerBound + block.count * (share + 1) / count
    var next = attn_tiled_next_t(
      queries: at.query, keys: at.key, values: at.value, outputs: UnsafePointer(at.output),
      query_stride: shape.headDim, key_stride: shape.headDim, value_stride: shape.valueDim,
      output_stride: shape.valueDim, query_ids: rows, output_ids: rows, key_ids: rows + first,
      count: 0, key_count: Int32(last - first))
    kernels.announce?(scratch, &next)
  }
}
