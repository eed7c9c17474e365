// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The strips of a schedule that make up short windows, for the kernel of short windows.
///
/// A window is a few strips in a row that visit the same few keys without masks. Strips fill
/// vectors with queries, so that 49 queries take the time of 64, and read keys where they lie, so
/// that keys at a power of two of bytes from one another push each other out of the first-level
/// cache. The other kernel loses neither, but does its exponentials apart from its products.
final class ShortWindows: @unchecked Sendable {
  /// One window, by the strip that starts it.
  struct Window {
    let strips: Range<Int>
    /// Range of the queries of the schedule.
    let queries: Range<Int>
    /// Range of ``ShortWindows/keys``.
    let keys: Range<Int>
  }

  /// Token ids of the keys, window after window.
  let keys: UnsafePointer<Int32>
  let windows: [Window]
  private let keyCount: Int
  /// Per strip: the index of its window, or -1.
  private let ofStrip: [Int32]

  /// Nil where no strip gains.
  init?(_ schedule: TileSchedule, kernels: attn_window_kernels_t) {
    var windows: [Window] = []
    var keys: [Int32] = []
    var ofStrip = [Int32](repeating: -1, count: schedule.strips.count)
    var strip = 0
    while strip < schedule.strips.count {
      let end = Self.end(of: strip, in: schedule, kernels)
      guard end > strip, Self.gains(strip..<end, schedule) else {
        strip = max(end, strip + 1)
        continue
      }
      let first = keys.count
      for run in schedule.runs[schedule.strips[strip].runs] {
        keys += (0..<run.count).map { run.firstKey + $0 * run.step }
      }
      for index in strip..<end { ofStrip[index] = Int32(windows.count) }
      windows.append(
        Window(
          strips: strip..<end,
          queries: schedule.strips[strip].queries
            .lowerBound..<schedule.strips[end - 1].queries.upperBound,
          keys: first..<keys.count))
      strip = end
    }
    guard !windows.isEmpty else { return nil }
    self.windows = windows
    self.ofStrip = ofStrip
    keyCount = keys.count
    let memory = UnsafeMutablePointer<Int32>.allocate(capacity: keys.count)
    memory.initialize(from: keys, count: keys.count)
    self.keys = UnsafePointer(memory)
  }

  deinit {
    keys.deallocate()
  }

  var bytes: Int {
    4 * keyCount + 4 * ofStrip.count + windows.count * MemoryLayout<Window>.stride
  }

  /// The index of the window that holds strip `index`, or nil.
  func window(strip index: Int) -> Int? { ofStrip[index] < 0 ? nil : Int(ofStrip[index]) }

  /// Whether no strip is left to the kernels of strips.
  var holdEveryStrip: Bool { !ofStrip.contains(-1) }

  /// The end of the strips from `first` on that visit the same keys; `first` if they are no window.
  private static func end(
    of first: Int, in schedule: TileSchedule, _ kernels: attn_window_kernels_t
  ) -> Int {
    let runs = schedule.runs[schedule.strips[first].runs]
    let keys = runs.reduce(0) { $0 + Int($1.count) }
    guard (1...Int(kernels.most_keys)).contains(keys), runs.allSatisfy({ $0.mask < 0 }) else {
      return first
    }
    var end = first
    var queries = 0
    while end < schedule.strips.count {
      let strip = schedule.strips[end]
      queries += strip.queries.count
      guard queries <= Int(kernels.most_queries), schedule.runs[strip.runs].elementsEqual(runs)
      else { break }
      end += 1
    }
    return end
  }

  /// Whether the window's scores are few, lanes of strips stayed empty or keys lie far apart.
  private static func gains(_ strips: Range<Int>, _ schedule: TileSchedule) -> Bool {
    let runs = schedule.runs[schedule.strips[strips.lowerBound].runs]
    if runs.contains(where: { $0.step > 1 }) { return true }
    if runs.reduce(0, { $0 + Int($1.count) }) <= 64 { return true }
    let counts = schedule.strips[strips].map(\.queries.count)
    // Half of a strip is the least that its kernels fill.
    let lanes = counts.reduce(0) { $0 + (2 * $1 > schedule.tile.lanes ? 2 : 1) }
    return 5 * lanes * schedule.tile.lanes >= 12 * counts.reduce(0, +)
  }
}
