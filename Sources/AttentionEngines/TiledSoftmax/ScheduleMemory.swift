// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// A tile schedule at fixed addresses, as kernels read it.
final class ScheduleMemory: @unchecked Sendable {
  let strips: [TileSchedule.Strip]
  let queries: UnsafePointer<Int32>
  let runs: UnsafePointer<attn_run_t>
  let masks: UnsafePointer<UInt32>
  let bytes: Int
  private let owned: [UnsafeMutableRawPointer]

  init(_ schedule: TileSchedule) {
    strips = schedule.strips
    let queries = Self.copy(schedule.queries)
    let runs = Self.copy(schedule.runs)
    let masks = Self.copy(schedule.masks)
    owned = [queries, runs, masks]
    self.queries = UnsafePointer(queries.assumingMemoryBound(to: Int32.self))
    // KeyRun has the layout of attn_run_t: four 32-bit integers in the same order.
    self.runs = UnsafePointer(runs.assumingMemoryBound(to: attn_run_t.self))
    self.masks = UnsafePointer(masks.assumingMemoryBound(to: UInt32.self))
    bytes =
      strips.count * MemoryLayout<TileSchedule.Strip>.stride + 4 * schedule.queries.count
      + 16 * schedule.runs.count + 4 * schedule.masks.count
  }

  deinit {
    for memory in owned { memory.deallocate() }
  }

  var stripCount: Int { strips.count }

  /// Key rows that a strip reads.
  func keyRows(_ strip: TileSchedule.Strip) -> Int {
    var rows = 0
    for run in strip.runs {
      rows += Int(runs[run].count)
    }
    return rows
  }

  /// Whether the last strips are the longest, as in causal attention: the last one reads more than half
  /// more keys than the one in the middle.
  var endsLong: Bool {
    guard let last = strips.last else { return false }
    return 2 * keyRows(last) > 3 * keyRows(strips[strips.count / 2])
  }

  /// Counts the runs of a strip as the kernels of strips do.
  func count(
    _ strip: TileSchedule.Strip, tileKeys: Int, _ counts: UnsafeMutablePointer<attn_counts_t>
  ) {
    for run in strip.runs {
      let keys = Int(runs[run].count)
      counts.pointee.tiles_full += UInt64((keys + tileKeys - 1) / tileKeys)
      counts.pointee.pairs += UInt64(keys * strip.queries.count)
      counts.pointee.exponentials += UInt64(keys * strip.queries.count)
    }
  }

  private static func copy<Element: BitwiseCopyable>(_ array: [Element]) -> UnsafeMutableRawPointer
  {
    let bytes = max(array.count * MemoryLayout<Element>.stride, 64)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    array.withUnsafeBytes { source in
      if let base = source.baseAddress { memory.copyMemory(from: base, byteCount: source.count) }
    }
    return memory
  }
}
