// SPDX-License-Identifier: MIT

/// A value, or the reason why there is none: unknown is never 0, blank or nil.
///
/// In JSON the value stands as itself and an absence as `{"absent": "reason"}`.
public enum Known<Value> {
  case value(Value)
  case absent(reason: String)

  public var value: Value? {
    guard case .value(let value) = self else { return nil }
    return value
  }

  public var reason: String? {
    guard case .absent(let reason) = self else { return nil }
    return reason
  }

  public func map<Result>(_ transform: (Value) -> Result) -> Known<Result> {
    switch self {
    case .value(let value): .value(transform(value))
    case .absent(let reason): .absent(reason: reason)
    }
  }

  public func flatMap<Result>(_ transform: (Value) -> Known<Result>) -> Known<Result> {
    switch self {
    case .value(let value): transform(value)
    case .absent(let reason): .absent(reason: reason)
    }
  }
}

/// A number, or the reason why there is none.
public typealias Quantity = Known<Double>

extension Known: Equatable where Value: Equatable {}
extension Known: Hashable where Value: Hashable {}
extension Known: Sendable where Value: Sendable {}

private enum AbsenceKey: String, CodingKey {
  case absent
}

extension Known: Encodable where Value: Encodable {
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .value(let value):
      var container = encoder.singleValueContainer()
      try container.encode(value)
    case .absent(let reason):
      var container = encoder.container(keyedBy: AbsenceKey.self)
      try container.encode(reason, forKey: .absent)
    }
  }
}

extension Known: Decodable where Value: Decodable {
  public init(from decoder: any Decoder) throws {
    if let container = try? decoder.container(keyedBy: AbsenceKey.self),
      let reason = try container.decodeIfPresent(String.self, forKey: .absent)
    {
      self = .absent(reason: reason)
    } else {
      self = .value(try decoder.singleValueContainer().decode(Value.self))
    }
  }
}
