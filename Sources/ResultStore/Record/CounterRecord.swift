// SPDX-License-Identifier: MIT

/// One counter of a case, or the reason it could not be read.
public struct CounterRecord: Codable, Hashable, Sendable {
  public var name: String
  public var unit: String
  /// Where the number comes from, such as `papi`, `papi-sde`, `perf` or `cachegrind`.
  public var source: String
  public var value: Quantity
  /// What was really counted, such as `perf::INSTRUCTIONS`; nil if it has no other name.
  public var event: String?
  /// `thread`, `process` or `machine`; nil in records that do not say.
  public var scope: String?
  /// Whether the number is an extrapolation from a shared register; nil means it is not.
  public var isMultiplexed: Bool?

  public init(
    name: String, unit: String, source: String, value: Quantity, event: String? = nil,
    scope: String? = nil, isMultiplexed: Bool? = nil
  ) {
    self.name = name
    self.unit = unit
    self.source = source
    self.value = value
    self.event = event
    self.scope = scope
    self.isMultiplexed = isMultiplexed
  }
}

/// A figure derived from times, work and counters by a formula of the metric file.
public struct MetricRecord: Codable, Hashable, Sendable {
  /// Lower-case words joined by hyphens, such as `arithmetic-intensity`.
  public var name: String
  /// Title with the unit, as a table shows it, such as `Arithmetic intensity [flop/byte]`.
  public var title: String
  public var value: Quantity

  public init(name: String, title: String, value: Quantity) {
    self.name = name
    self.title = title
    self.value = value
  }
}

/// Memory that a case needed.
public struct MemoryRecord: Codable, Hashable, Sendable {
  /// Scratch of the engine, without inputs and outputs.
  public var workspaceBytes: Known<Int>
  /// Largest resident size of the process up to the end of the case.
  public var peakResidentBytes: Known<Int>
  /// What the case was expected to take beyond the program itself, before anything was taken; nil
  /// in records of early versions and where no size was needed.
  public var plannedBytes: Int?

  public init(workspaceBytes: Known<Int>, peakResidentBytes: Known<Int>) {
    self.workspaceBytes = workspaceBytes
    self.peakResidentBytes = peakResidentBytes
  }
}
