// SPDX-License-Identifier: MIT

/// The counts of a ``SoftwareEventRegistry``, read back through PAPI.
public final class SoftwareEventSource: CounterSource {
  public let name = "papi-sde"
  private let registry: SoftwareEventRegistry
  private let access: any PAPIAccess
  private var set: Int32?
  private var added: [Int] = []
  private var errors: [Int: AbsenceReason] = [:]

  public init(registry: SoftwareEventRegistry, access: any PAPIAccess = PAPILibrary()) {
    self.registry = registry
    self.access = access
  }

  deinit {
    if let set { access.destroy(set) }
  }

  public func start() {
    if let set { access.destroy(set) }
    set = nil
    added = []
    errors = [:]
    let status = access.initialise()
    guard status == 0 else {
      refuseAll(.libraryUnavailable(detail: access.text(of: status)))
      return
    }
    var handle: Int32 = 0
    let created = access.createSet(&handle)
    guard created == 0 else { return refuseAll(.failed(code: created)) }
    set = handle
    for (index, event) in registry.events.enumerated() {
      let name = registry.papiName(of: event)
      let code = access.add(name, to: handle)
      if code == 0 {
        added.append(index)
      } else {
        errors[index] = .unknownEvent(candidates: [name], detail: access.text(of: code))
      }
    }
    let started = access.start(handle)
    if started != 0 { refuseAll(.failed(code: started)) }
  }

  public func stop() -> [CounterReading] {
    var values: [Int: CounterValue] = [:]
    if let set {
      var counts = [Int64](repeating: 0, count: added.count)
      let code = access.stop(set, into: &counts)
      for (index, count) in zip(added, counts) {
        values[index] = code == 0 ? .count(UInt64(max(0, count))) : .absent(.failed(code: code))
      }
      access.destroy(set)
    }
    set = nil
    return registry.events.enumerated().map { index, event in
      let value =
        errors[index].map { CounterValue.absent($0) } ?? values[index] ?? .absent(.notStarted)
      return CounterReading(
        name: event.name, unit: event.unit, source: name, scope: .process,
        event: registry.papiName(of: event), value: value)
    }
  }

  private func refuseAll(_ reason: AbsenceReason) {
    for index in registry.events.indices where errors[index] == nil { errors[index] = reason }
  }
}
