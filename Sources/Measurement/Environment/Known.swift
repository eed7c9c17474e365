// SPDX-License-Identifier: MIT

/// A fact about the machine, or the statement that it cannot be known here.
///
/// Encoded as the bare value or as the word `unknown`.
public enum Known<Value: Hashable & Codable & Sendable>: Hashable, Sendable {
  case known(Value)
  case unknown

  /// Wraps an optional: nil is unknown.
  public init(_ value: Value?) {
    self = value.map(Self.known) ?? .unknown
  }

  /// The value, or nil.
  public var value: Value? {
    guard case .known(let value) = self else { return nil }
    return value
  }
}

extension Known: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let word = try? container.decode(String.self), word == "unknown" {
      self = .unknown
    } else {
      self = .known(try container.decode(Value.self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .known(let value): try container.encode(value)
    case .unknown: try container.encode("unknown")
    }
  }
}

extension Known: CustomStringConvertible {
  public var description: String { value.map { "\($0)" } ?? "unknown" }
}
