// SPDX-License-Identifier: MIT

import CPAPI

/// Counts of this program, registered with PAPI as `sde:::<library>::<event>`.
///
/// Other tools that read PAPI see the same events. A count lives as long as the process: PAPI keeps
/// what it has looked up, and reading an event that was unregistered since would crash. Registries
/// of one library name therefore share their counts. Use from one thread at a time.
public final class SoftwareEventRegistry {
  /// The library name under which the events appear.
  public let library: String
  /// The registered events, in the order given.
  public let events: [SoftwareEvent]
  private let counters: [String: UnsafeMutableRawPointer]

  /// Registers `events`.
  ///
  /// - Throws: `eventRefused` if PAPI does not take one of them.
  public init(
    library: String = "attnbench", events: [SoftwareEvent] = SoftwareEvent.engine
  ) throws(MeasurementError) {
    self.library = library
    self.events = events
    guard let handle = papi_sde_init(library) else {
      throw .eventRefused(name: library, code: PAPI_ENOMEM)
    }
    var counters: [String: UnsafeMutableRawPointer] = [:]
    for event in events {
      var counter: UnsafeMutableRawPointer?
      let code = papi_sde_create_counter(handle, event.name, cpapi_sde_delta(), &counter)
      guard code == PAPI_OK, let counter else {
        throw .eventRefused(name: event.name, code: code)
      }
      _ = papi_sde_describe_counter(handle, event.name, event.summary)
      counters[event.name] = counter
    }
    self.counters = counters
  }

  /// The name by which PAPI knows an event.
  public func papiName(of event: SoftwareEvent) -> String { "sde:::\(library)::\(event.name)" }

  /// Adds to the count called `name`; returns false if no such event is registered.
  ///
  /// Publish an engine's own counts once after a call, not from within a loop: PAPI takes a lock.
  @discardableResult
  public func add(_ amount: Int, to name: String) -> Bool {
    guard let counter = counters[name] else { return false }
    return papi_sde_inc_counter(counter, Int64(amount)) == PAPI_OK
  }
}
