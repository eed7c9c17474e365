// SPDX-License-Identifier: MIT

/// What a counter said: a number, or why there is none.
public enum CounterValue: Hashable, Sendable {
  case count(UInt64)
  case real(Double)
  /// There is no number; `reason` is a sentence for the reader.
  case absent(reason: String)

  /// The number, or nil.
  public var number: Double? {
    switch self {
    case .count(let count): Double(count)
    case .real(let value): value
    case .absent: nil
    }
  }

  /// The reason for which there is no number, or nil if there is one.
  public var absence: String? {
    guard case .absent(let reason) = self else { return nil }
    return reason
  }
}

/// Whose events a counter counts.
public enum CounterScope: String, Hashable, Codable, Sendable {
  /// The thread that started the counter.
  case thread
  /// All threads of the process.
  case process
  /// The CPUs of the machine, whoever uses them.
  case machine
}

/// One counter after a measurement.
public struct CounterReading: Hashable, Sendable {
  /// The counter's own name, such as `instructions`; not the event behind it.
  public let name: String
  /// Unit in words, such as `events`, `ns`, `bytes`.
  public let unit: String
  /// Name of the source, such as `papi`.
  public let source: String
  public let scope: CounterScope
  /// The event that was really counted, such as `perf::INSTRUCTIONS`; nil if it has no other name.
  public let event: String?
  /// Whether the counter shared its register and the number is an extrapolation.
  public let isMultiplexed: Bool
  public let value: CounterValue

  public init(
    name: String, unit: String, source: String, scope: CounterScope, event: String? = nil,
    isMultiplexed: Bool = false, value: CounterValue
  ) {
    self.name = name
    self.unit = unit
    self.source = source
    self.scope = scope
    self.event = event
    self.isMultiplexed = isMultiplexed
    self.value = value
  }
}

extension CounterReading: Codable {
  private enum CodingKeys: String, CodingKey {
    case name, unit, source, scope, event, isMultiplexed, value, absent
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    name = try values.decode(String.self, forKey: .name)
    unit = try values.decode(String.self, forKey: .unit)
    source = try values.decode(String.self, forKey: .source)
    scope = try values.decode(CounterScope.self, forKey: .scope)
    event = try values.decodeIfPresent(String.self, forKey: .event)
    isMultiplexed = try values.decodeIfPresent(Bool.self, forKey: .isMultiplexed) ?? false
    if let reason = try values.decodeIfPresent(String.self, forKey: .absent) {
      value = .absent(reason: reason)
    } else if let count = try? values.decode(UInt64.self, forKey: .value) {
      value = .count(count)
    } else {
      value = .real(try values.decode(Double.self, forKey: .value))
    }
  }

  /// Writes either `value` or `absent`, never a zero for a missing number.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(name, forKey: .name)
    try values.encode(unit, forKey: .unit)
    try values.encode(source, forKey: .source)
    try values.encode(scope, forKey: .scope)
    try values.encodeIfPresent(event, forKey: .event)
    if isMultiplexed { try values.encode(true, forKey: .isMultiplexed) }
    switch value {
    case .count(let count): try values.encode(count, forKey: .value)
    case .real(let number): try values.encode(number, forKey: .value)
    case .absent(let reason): try values.encode(reason, forKey: .absent)
    }
  }
}
