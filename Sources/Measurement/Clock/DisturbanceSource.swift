// SPDX-License-Identifier: MIT

import CPlatform

/// What others did to this process since it began.
public struct DisturbanceReading: Hashable, Sendable {
  /// Times a thread of the process was taken off its CPU against its will.
  public let involuntarySwitches: UInt64
  /// Time the hypervisor gave to others while this guest wanted to run.
  public let stolenNanoseconds: UInt64
  /// Time that threads of the process could have run and waited for a CPU; nil where unknown.
  public let waitedNanoseconds: UInt64?

  public init(
    involuntarySwitches: UInt64, stolenNanoseconds: UInt64, waitedNanoseconds: UInt64? = nil
  ) {
    self.involuntarySwitches = involuntarySwitches
    self.stolenNanoseconds = stolenNanoseconds
    self.waitedNanoseconds = waitedNanoseconds
  }

  /// What came to pass between `earlier` and this reading.
  func since(_ earlier: Self) -> Self {
    let waited = waitedNanoseconds.flatMap { now in
      earlier.waitedNanoseconds.map { now &- $0 }
    }
    return Self(
      involuntarySwitches: involuntarySwitches &- earlier.involuntarySwitches,
      stolenNanoseconds: stolenNanoseconds &- earlier.stolenNanoseconds,
      waitedNanoseconds: waited)
  }
}

/// Tells whether a sample was disturbed, from readings before and after it.
public protocol DisturbanceSource {
  func read() -> DisturbanceReading
}

/// Disturbances as the kernel reports them: rusage of the process, waiting of its threads, steal of
/// the CPUs it may use.
///
/// A part that the kernel does not tell reads 0 and so marks nothing.
public final class SystemDisturbance: DisturbanceSource {
  private let steal: StealMeter
  private let wait: WaitMeter

  /// Watches the threads that exist now and the CPUs that the calling one may use.
  public init() {
    steal = StealMeter(cpus: Affinity.current)
    wait = WaitMeter()
  }

  public func read() -> DisturbanceReading {
    var usage = cplatform_usage_t()
    let known = cplatform_process_usage(&usage) == 0
    return DisturbanceReading(
      involuntarySwitches: known ? usage.involuntary_switches : 0,
      stolenNanoseconds: steal.stolenNanoseconds() ?? 0,
      waitedNanoseconds: wait.waitedNanoseconds())
  }
}

/// A source that never saw a disturbance.
public struct Undisturbed: DisturbanceSource, Sendable {
  public init() {}

  public func read() -> DisturbanceReading {
    DisturbanceReading(involuntarySwitches: 0, stolenNanoseconds: 0)
  }
}
