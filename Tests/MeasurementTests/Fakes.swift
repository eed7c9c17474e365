// SPDX-License-Identifier: MIT

import Measurement

/// A clock that moves only when told to.
final class FakeClock: TimeSource {
  private(set) var now: UInt64 = 1_000
  private(set) var cpu: UInt64 = 0

  func monotonicNanoseconds() -> UInt64 { now }
  func threadCPUNanoseconds() -> UInt64 { cpu }

  /// Lets work pass that was on the CPU for all of `nanoseconds`.
  func work(_ nanoseconds: UInt64) {
    now += nanoseconds
    cpu += nanoseconds
  }

  /// Lets time pass in which the thread did not run.
  func wait(_ nanoseconds: UInt64) { now += nanoseconds }
}

/// Disturbances that a test adds by hand.
final class FakeDisturbance: DisturbanceSource {
  var switches: UInt64 = 0
  var stolen: UInt64 = 0
  /// Nil for a kernel that does not tell.
  var waited: UInt64?

  func read() -> DisturbanceReading {
    DisturbanceReading(
      involuntarySwitches: switches, stolenNanoseconds: stolen, waitedNanoseconds: waited)
  }
}

/// Readings of a core whose issue rate a test sets.
final class FakeYardstick: YardstickSource {
  var issueShare = 1.0
  private(set) var reads = 0
  let spentNanoseconds: UInt64 = 0

  /// The rate is the number of the reading.
  func read() -> YardstickReading {
    reads += 1
    return YardstickReading(multiplyAddRate: Double(reads), issueShare: issueShare)
  }
}

/// A source that gives fixed readings and logs what was done to it.
final class FakeSource: CounterSource {
  let name: String
  private let value: CounterValue
  private let log: (String) -> Void

  init(name: String, value: CounterValue, log: @escaping (String) -> Void) {
    self.name = name
    self.value = value
    self.log = log
  }

  func start() { log("start \(name)") }

  func stop() -> [CounterReading] {
    log("stop \(name)")
    return [
      CounterReading(name: "events", unit: "events", source: name, scope: .thread, value: value)
    ]
  }
}

/// A PAPI with a few events on one component and so many registers.
final class FakePAPI: PAPIAccess {
  let counts: [String: Int64]
  let registers: Int
  var status: Int32 = 0
  private var sets: [Int32: (events: [String], isMultiplexed: Bool)] = [:]
  private var next: Int32 = 0

  static let unknownEvent: Int32 = -7
  static let conflict: Int32 = -8

  init(counts: [String: Int64], registers: Int = 4) {
    self.counts = counts
    self.registers = registers
  }

  /// Sets that were made and never destroyed.
  var leakedSets: Int { sets.count }

  func initialise() -> Int32 { status }
  func component(of event: String) -> Int32 { event.hasPrefix("rapl") ? 1 : 0 }

  func createSet(_ set: inout Int32) -> Int32 {
    next += 1
    set = next
    sets[set] = ([], false)
    return 0
  }

  func multiplex(_ set: Int32, component: Int32) -> Int32 {
    sets[set]?.isMultiplexed = true
    return 0
  }

  func add(_ event: String, to set: Int32) -> Int32 {
    guard counts[event] != nil, let state = sets[set] else { return Self.unknownEvent }
    guard state.isMultiplexed || state.events.count < registers else { return Self.conflict }
    sets[set]?.events.append(event)
    return 0
  }

  func start(_ set: Int32) -> Int32 { 0 }

  func stop(_ set: Int32, into values: inout [Int64]) -> Int32 {
    let events = sets[set]?.events ?? []
    for (index, event) in events.enumerated() { values[index] = counts[event] ?? -1 }
    return 0
  }

  func destroy(_ set: Int32) { sets[set] = nil }

  func text(of code: Int32) -> String {
    code == Self.unknownEvent ? "no such event" : "code \(code)"
  }
}
