// SPDX-License-Identifier: MIT

/// Processor counters through PAPI, for the thread that starts them.
///
/// Every candidate event is tried alone, by counting with it, when the source is made. Events of
/// one component that do not fit its registers together share them, and their readings say so.
public final class PAPIHardwareSource: CounterSource {
  public let name = "papi"
  private let access: any PAPIAccess
  private let entries: [Entry]
  private let groups: [Group]
  private var running: [(set: Int32, group: Group, error: Int32)] = []
  private var isStarted = false

  private struct Entry {
    let counter: HardwareCounter
    /// The event that counts here, or why none does.
    let event: Result<String, Absence>
  }

  private struct Absence: Error {
    let reason: AbsenceReason
  }

  private struct Group {
    let component: Int32
    let events: [String]
    let isMultiplexed: Bool
  }

  public init(
    counters: [HardwareCounter] = HardwareCounter.standard,
    access: any PAPIAccess = PAPILibrary(), facts: HostCounterFacts = .current()
  ) {
    self.access = access
    entries = counters.map { Self.probe($0, access: access, facts: facts) }
    groups = Self.group(entries.compactMap { try? $0.event.get() }, access: access)
  }

  deinit {
    for item in running { access.destroy(item.set) }
  }

  public func start() {
    isStarted = true
    running = groups.map { group in
      var set: Int32 = 0
      let error = Self.begin(group, set: &set, access: access)
      return (set, group, error)
    }
  }

  public func stop() -> [CounterReading] {
    var values: [String: CounterValue] = [:]
    var multiplexed: Set<String> = []
    for item in running.reversed() {
      var counts = [Int64](repeating: 0, count: item.group.events.count)
      var error = item.error
      if error == 0 { error = access.stop(item.set, into: &counts) }
      for (event, count) in zip(item.group.events, counts) {
        values[event] =
          error == 0 ? .count(UInt64(max(0, count))) : .absent(.failed(code: error))
        if item.group.isMultiplexed { multiplexed.insert(event) }
      }
      access.destroy(item.set)
    }
    running = []
    defer { isStarted = false }
    return entries.map { entry in
      switch entry.event {
      case .failure(let absence): reading(entry.counter, event: nil, .absent(absence.reason))
      case .success(let event):
        reading(
          entry.counter, event: event,
          isStarted ? values[event] ?? .absent(.notStarted) : .absent(.notStarted),
          isMultiplexed: multiplexed.contains(event))
      }
    }
  }

  private func reading(
    _ counter: HardwareCounter, event: String?, _ value: CounterValue, isMultiplexed: Bool = false
  ) -> CounterReading {
    CounterReading(
      name: counter.name, unit: counter.unit, source: name, scope: .thread, event: event,
      isMultiplexed: isMultiplexed, value: value)
  }

  /// Finds the first candidate that really counts.
  private static func probe(
    _ counter: HardwareCounter, access: any PAPIAccess, facts: HostCounterFacts
  ) -> Entry {
    let status = access.initialise()
    guard status == 0 else {
      let reason = AbsenceReason.libraryUnavailable(detail: access.text(of: status))
      return Entry(counter: counter, event: .failure(Absence(reason: reason)))
    }
    var last: Int32 = 0
    for candidate in counter.candidates {
      let group = Group(component: 0, events: [candidate], isMultiplexed: false)
      var set: Int32 = 0
      last = begin(group, set: &set, access: access)
      var counts: [Int64] = [0]
      if last == 0 { last = access.stop(set, into: &counts) }
      access.destroy(set)
      if last == 0 { return Entry(counter: counter, event: .success(candidate)) }
    }
    let reason = facts.reason(candidates: counter.candidates, detail: access.text(of: last))
    return Entry(counter: counter, event: .failure(Absence(reason: reason)))
  }

  /// One group per component: PAPI runs one event set of a component at a time.
  private static func group(_ events: [String], access: any PAPIAccess) -> [Group] {
    var order: [Int32] = []
    var members: [Int32: [String]] = [:]
    for event in events {
      let component = access.component(of: event)
      if members[component] == nil { order.append(component) }
      if members[component]?.contains(event) != true {
        members[component, default: []].append(event)
      }
    }
    return order.map { component in
      let names = members[component] ?? []
      let together = Group(component: component, events: names, isMultiplexed: false)
      var set: Int32 = 0
      var code = begin(together, set: &set, access: access)
      var counts = [Int64](repeating: 0, count: names.count)
      if code == 0 { code = access.stop(set, into: &counts) }
      access.destroy(set)
      return code == 0
        ? together : Group(component: component, events: names, isMultiplexed: true)
    }
  }

  /// Makes, fills and starts the set of a group; the caller destroys it in any case.
  private static func begin(_ group: Group, set: inout Int32, access: any PAPIAccess) -> Int32 {
    var code = access.createSet(&set)
    if code == 0 && group.isMultiplexed {
      code = access.multiplex(set, component: group.component)
    }
    for event in group.events where code == 0 { code = access.add(event, to: set) }
    return code == 0 ? access.start(set) : code
  }
}
