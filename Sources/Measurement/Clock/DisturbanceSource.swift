// SPDX-License-Identifier: MIT

import CPlatform

/// What others did to this process since it began.
public struct DisturbanceReading: Hashable, Sendable {
  /// Times a thread of the process was taken off its CPU against its will.
  public let involuntarySwitches: UInt64
  /// Time the hypervisor gave to others while this guest wanted to run.
  public let stolenNanoseconds: UInt64

  public init(involuntarySwitches: UInt64, stolenNanoseconds: UInt64) {
    self.involuntarySwitches = involuntarySwitches
    self.stolenNanoseconds = stolenNanoseconds
  }
}

/// Tells whether a sample was disturbed, from readings before and after it.
public protocol DisturbanceSource {
  func read() -> DisturbanceReading
}

/// Disturbances as the kernel reports them: rusage of the process, steal of the CPUs it may use.
///
/// A part that the kernel does not tell reads 0 and so marks nothing.
public final class SystemDisturbance: DisturbanceSource {
  private let steal: StealMeter

  /// Watches the CPUs that the calling thread may use now.
  public init() {
    steal = StealMeter(cpus: Affinity.current)
  }

  public func read() -> DisturbanceReading {
    var usage = cplatform_usage_t()
    let known = cplatform_process_usage(&usage) == 0
    return DisturbanceReading(
      involuntarySwitches: known ? usage.involuntary_switches : 0,
      stolenNanoseconds: steal.stolenNanoseconds() ?? 0)
  }
}

/// A source that never saw a disturbance.
public struct Undisturbed: DisturbanceSource, Sendable {
  public init() {}

  public func read() -> DisturbanceReading {
    DisturbanceReading(involuntarySwitches: 0, stolenNanoseconds: 0)
  }
}
