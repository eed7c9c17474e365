// SPDX-License-Identifier: MIT

import CPlatform

/// Resource usage of the process as the kernel accounts for it.
///
/// All counters are differences but `peak-resident-memory`, which is the largest resident set since
/// the program began (`VmHWM`).
public final class ResourceUsageSource: CounterSource {
  public let name = "rusage"
  private let usage: (inout cplatform_usage_t) -> Int32
  private var begin: cplatform_usage_t?

  /// Reads `usage`, by default `getrusage` of this process; it returns 0 or a negated error number.
  public init(
    usage: @escaping (inout cplatform_usage_t) -> Int32 = { cplatform_process_usage(&$0) }
  ) {
    self.usage = usage
  }

  public func start() {
    var now = cplatform_usage_t()
    begin = usage(&now) == 0 ? now : nil
  }

  public func stop() -> [CounterReading] {
    var end = cplatform_usage_t()
    let code = usage(&end)
    guard code == 0, let begin else {
      let reason: AbsenceReason = code == 0 ? .notStarted : .failed(code: -code)
      return Self.counters.map { reading($0.name, $0.unit, .absent(reason)) }
        + [reading("peak-resident-memory", "bytes", .absent(reason))]
    }
    self.begin = nil
    return Self.counters.map { counter in
      reading(counter.name, counter.unit, .count(counter.value(begin, end)))
    } + [peakResident]
  }

  private var peakResident: CounterReading {
    var bytes: UInt64 = 0
    let code = cplatform_peak_resident(&bytes)
    return reading(
      "peak-resident-memory", "bytes", code == 0 ? .count(bytes) : .absent(.failed(code: -code)))
  }

  private struct Counter {
    let name: String
    let unit: String
    let value: @Sendable (cplatform_usage_t, cplatform_usage_t) -> UInt64
  }

  /// Names of the counters, in the order of the readings.
  static let counterNames = counters.map(\.name) + ["peak-resident-memory"]

  private static let counters = [
    Counter(name: "user-time", unit: "ns") { $1.user_ns &- $0.user_ns },
    Counter(name: "system-time", unit: "ns") { $1.system_ns &- $0.system_ns },
    Counter(name: "minor-faults", unit: "events") { $1.minor_faults &- $0.minor_faults },
    Counter(name: "major-faults", unit: "events") { $1.major_faults &- $0.major_faults },
    Counter(name: "voluntary-switches", unit: "events") {
      $1.voluntary_switches &- $0.voluntary_switches
    },
    Counter(name: "involuntary-switches", unit: "events") {
      $1.involuntary_switches &- $0.involuntary_switches
    },
  ]

  private func reading(_ counter: String, _ unit: String, _ value: CounterValue) -> CounterReading {
    CounterReading(name: counter, unit: unit, source: name, scope: .process, value: value)
  }
}
