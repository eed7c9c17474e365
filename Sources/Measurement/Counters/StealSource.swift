// SPDX-License-Identifier: MIT

/// Time that the hypervisor took from the CPUs this process may use.
public final class StealSource: CounterSource {
  public let name = "proc"
  static let counterName = "stolen-time"
  private let meter: StealMeter
  private var begin: UInt64?
  private var isStarted = false

  /// Reads `meter`, by default that of the CPUs which the calling thread may use now.
  public init(meter: StealMeter = StealMeter(cpus: Affinity.current)) {
    self.meter = meter
  }

  public func start() {
    begin = meter.stolenNanoseconds()
    isStarted = true
  }

  public func stop() -> [CounterReading] {
    defer { isStarted = false }
    let value: CounterValue =
      if !isStarted {
        .absent(.notStarted)
      } else if let begin, let end = meter.stolenNanoseconds() {
        .count(end &- begin)
      } else {
        .absent(.notProvided(by: "/proc/stat"))
      }
    return [
      CounterReading(
        name: Self.counterName, unit: "ns", source: name, scope: .machine, value: value)
    ]
  }
}
