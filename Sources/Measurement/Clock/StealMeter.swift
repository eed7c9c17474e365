// SPDX-License-Identifier: MIT

import Foundation

/// Reads the stolen time of some CPUs from /proc/stat without allocating.
///
/// The kernel counts in ticks, usually of 10 ms: shorter thefts show up late or never.
public final class StealMeter {
  private let descriptor: Int32
  private let buffer: UnsafeMutableRawBufferPointer
  private let isWatched: [Bool]
  private let nanosecondsPerTick: UInt64

  /// Watches `cpus`; `path` is the file to read.
  public init(cpus: [Int], path: String = "/proc/stat") {
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    // The CPU lines come first and take at most about 100 bytes each.
    let online = max(1, sysconf(Int32(_SC_NPROCESSORS_CONF)))
    buffer = .allocate(byteCount: 4096 + 128 * online, alignment: 16)
    isWatched = (0...(cpus.max() ?? 0)).map { cpus.contains($0) }
    let ticks = sysconf(Int32(_SC_CLK_TCK))
    nanosecondsPerTick = 1_000_000_000 / UInt64(ticks > 0 ? ticks : 100)
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    buffer.deallocate()
  }

  /// Time stolen from the watched CPUs since boot, or nil where the kernel does not tell.
  public func stolenNanoseconds() -> UInt64? {
    guard descriptor >= 0, let base = buffer.baseAddress else { return nil }
    let count = pread(descriptor, base, buffer.count, 0)
    guard count > 0 else { return nil }
    var reader = ByteReader(bytes: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    var ticks: UInt64 = 0
    var found = false
    while reader.skip("cpu") {
      // The first line sums all CPUs and has no number.
      if let cpu = reader.number(), cpu < isWatched.count, isWatched[Int(cpu)] {
        // user nice system idle iowait irq softirq steal
        for _ in 0..<7 {
          reader.skipSpaces()
          _ = reader.number()
        }
        reader.skipSpaces()
        if let steal = reader.number() {
          ticks += steal
          found = true
        }
      }
      reader.skipLine()
    }
    return found ? ticks * nanosecondsPerTick : nil
  }
}
