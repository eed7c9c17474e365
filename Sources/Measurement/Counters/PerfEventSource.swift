// SPDX-License-Identifier: MIT

import CPlatform
import Foundation

/// An event that the Linux kernel counts for threads.
public enum PerfEvent: String, CaseIterable, Hashable, Sendable {
  case taskClock = "task-clock"
  case pageFaults = "page-faults"
  case contextSwitches = "context-switches"
  case cpuMigrations = "cpu-migrations"
  case cycles
  case instructions
  case cacheReferences = "cache-references"
  case cacheMisses = "cache-misses"
  case branchMisses = "branch-misses"
  case l1DataReadMisses = "l1-data-read-misses"
  case dataTLBReadMisses = "data-tlb-read-misses"

  /// Events that the kernel counts itself and that need no hardware.
  public static let software: [Self] = [.taskClock, .pageFaults, .contextSwitches, .cpuMigrations]

  /// Events of the processor, user mode only.
  public static let hardware: [Self] = allCases.filter { !software.contains($0) }

  /// `ns` for the clock, else `events`.
  public var unit: String { self == .taskClock ? "ns" : "events" }

  var code: cplatform_perf_event_t {
    switch self {
    case .taskClock: CPLATFORM_PERF_TASK_CLOCK
    case .pageFaults: CPLATFORM_PERF_PAGE_FAULTS
    case .contextSwitches: CPLATFORM_PERF_CONTEXT_SWITCHES
    case .cpuMigrations: CPLATFORM_PERF_CPU_MIGRATIONS
    case .cycles: CPLATFORM_PERF_CYCLES
    case .instructions: CPLATFORM_PERF_INSTRUCTIONS
    case .cacheReferences: CPLATFORM_PERF_CACHE_REFERENCES
    case .cacheMisses: CPLATFORM_PERF_CACHE_MISSES
    case .branchMisses: CPLATFORM_PERF_BRANCH_MISSES
    case .l1DataReadMisses: CPLATFORM_PERF_L1_DATA_READ_MISSES
    case .dataTLBReadMisses: CPLATFORM_PERF_DATA_TLB_READ_MISSES
    }
  }
}

/// Kernel event counters through `perf_event_open`, without PAPI in between.
///
/// With scope `process` it counts every thread that exists at ``start()`` and sums them; threads
/// born later are not counted. `machine` is taken as `process`.
public final class PerfEventSource: CounterSource {
  public let name = "perf"
  private let events: [PerfEvent]
  private let scope: CounterScope
  private let facts: HostCounterFacts
  private let access: any PerfAccess
  private var opened: [Opened] = []

  private struct Opened {
    let event: PerfEvent
    var descriptors: [Int32] = []
    var error: Int32 = 0
  }

  public init(
    events: [PerfEvent] = PerfEvent.allCases, scope: CounterScope = .process,
    facts: HostCounterFacts = .current(), access: any PerfAccess = KernelPerf()
  ) {
    self.events = events
    self.scope = scope == .thread ? .thread : .process
    self.facts = facts
    self.access = access
  }

  deinit { closeAll() }

  public func start() {
    closeAll()
    // Thread 0 stands for the caller.
    let threads = scope == .thread ? [0] : access.threads()
    opened = events.map { open($0, threads: threads) }
    for counter in opened {
      for descriptor in counter.descriptors { access.start(descriptor) }
    }
  }

  public func stop() -> [CounterReading] {
    for counter in opened.reversed() {
      for descriptor in counter.descriptors { access.stop(descriptor) }
    }
    let readings =
      opened.isEmpty
      ? events.map { reading($0, .absent(.notStarted)) } : opened.map { read($0) }
    closeAll()
    return readings
  }

  private func open(_ event: PerfEvent, threads: [Int32]) -> Opened {
    var counter = Opened(event: event)
    for thread in threads {
      let descriptor = access.open(event, thread: thread)
      if descriptor >= 0 {
        counter.descriptors.append(descriptor)
      } else if descriptor != -ESRCH {
        // A thread that has just ended is no failure; anything else would make the sum too small.
        counter.error = -descriptor
        break
      }
    }
    return counter
  }

  private func read(_ counter: Opened) -> CounterReading {
    guard counter.error == 0 else { return reading(counter.event, .absent(reason(counter))) }
    guard !counter.descriptors.isEmpty else { return reading(counter.event, .absent(.notStarted)) }
    var sum = 0.0
    var exact: UInt64 = 0
    var isMultiplexed = false
    for descriptor in counter.descriptors {
      var count = PerfCount(value: 0, enabledNanoseconds: 0, runningNanoseconds: 0)
      let code = access.read(descriptor, into: &count)
      guard code == 0 else { return reading(counter.event, .absent(.failed(code: -code))) }
      if count.runningNanoseconds == 0 && count.enabledNanoseconds > 0 {
        return reading(counter.event, .absent(.neverScheduled))
      }
      exact &+= count.value
      let share =
        count.runningNanoseconds == 0
        ? 1 : Double(count.enabledNanoseconds) / Double(count.runningNanoseconds)
      isMultiplexed = isMultiplexed || count.runningNanoseconds < count.enabledNanoseconds
      sum += Double(count.value) * share
    }
    return reading(
      counter.event, isMultiplexed ? .real(sum) : .count(exact), isMultiplexed: isMultiplexed)
  }

  private func reason(_ counter: Opened) -> AbsenceReason {
    switch counter.error {
    case EACCES, EPERM:
      .notPermitted(paranoid: facts.paranoid)
    case ENOENT, ENODEV, EOPNOTSUPP:
      facts.reason(
        candidates: [counter.event.rawValue], detail: String(cString: strerror(counter.error)))
    default:
      .failed(code: counter.error)
    }
  }

  private func reading(
    _ event: PerfEvent, _ value: CounterValue, isMultiplexed: Bool = false
  ) -> CounterReading {
    CounterReading(
      name: event.rawValue, unit: event.unit, source: name, scope: scope,
      isMultiplexed: isMultiplexed, value: value)
  }

  private func closeAll() {
    for counter in opened {
      for descriptor in counter.descriptors { access.close(descriptor) }
    }
    opened = []
  }
}
