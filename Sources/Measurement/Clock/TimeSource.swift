// SPDX-License-Identifier: MIT

import CPlatform

/// A clock for durations, with the CPU time of the calling thread beside it.
public protocol TimeSource {
  /// Nanoseconds since a fixed moment.
  func monotonicNanoseconds() -> UInt64
  /// Nanoseconds that the calling thread has spent on a CPU.
  func threadCPUNanoseconds() -> UInt64
}

/// The raw monotonic clock of the system and its thread clock.
public struct MonotonicClock: TimeSource, Sendable {
  public init() {}

  public func monotonicNanoseconds() -> UInt64 { cplatform_monotonic_raw_ns() }

  public func threadCPUNanoseconds() -> UInt64 { cplatform_thread_cpu_ns() }
}

extension Duration {
  /// The whole nanoseconds of a duration; 0 for a negative one.
  var nanoseconds: UInt64 {
    let parts = components
    guard parts.seconds >= 0, parts.attoseconds >= 0 else { return 0 }
    return UInt64(parts.seconds) * 1_000_000_000 + UInt64(parts.attoseconds / 1_000_000_000)
  }
}
