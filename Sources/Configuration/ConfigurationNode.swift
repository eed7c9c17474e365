// SPDX-License-Identifier: MIT

/// A value, a list or a mapping of a configuration file, with its place.
///
/// Accessors either return what was asked for or throw ``ConfigurationFailure`` with the place,
/// the value, the rule and the fix.
public struct ConfigurationNode: Sendable {
  public let place: ConfigurationPlace
  /// The key under which it stands, such as `window`, or `cases[2]`; empty for the root.
  public let name: String
  let content: Content

  enum Content: Sendable {
    case value(String, isPlain: Bool)
    case list([ConfigurationNode])
    case mapping([ConfigurationEntry])
  }

  /// What the node is; accessors for another kind throw.
  public var kind: ConfigurationKind {
    switch content {
    case .value(let text, isPlain: true) where ["", "~", "null", "Null", "NULL"].contains(text):
      .nothing
    case .value: .value
    case .list: .list
    case .mapping: .mapping
    }
  }

  /// The elements of a list.
  public func list(
    count allowed: ClosedRange<Int> = 0...Int.max
  ) throws(ConfigurationFailure) -> [ConfigurationNode] {
    guard case .list(let elements) = content else {
      throw failure(.wrongKind(expected: .list, found: kind))
    }
    guard allowed.contains(elements.count) else {
      throw failure(.wrongCount(elements.count, allowed: allowed))
    }
    return elements
  }

  /// The transformed elements of a list; errors of several elements are thrown together.
  public func list<Value>(
    count allowed: ClosedRange<Int> = 0...Int.max,
    _ transform: (ConfigurationNode) throws(ConfigurationFailure) -> Value
  ) throws(ConfigurationFailure) -> [Value] {
    try Self.transformed(try list(count: allowed), transform)
  }

  /// The transformed elements of a list, or the one value that stands in the place of a list.
  public func oneOrMore<Value>(
    _ transform: (ConfigurationNode) throws(ConfigurationFailure) -> Value
  ) throws(ConfigurationFailure) -> [Value] {
    guard case .list = content else { return [try transform(self)] }
    return try list(count: 1...Int.max, transform)
  }

  private static func transformed<Value>(
    _ elements: [ConfigurationNode],
    _ transform: (ConfigurationNode) throws(ConfigurationFailure) -> Value
  ) throws(ConfigurationFailure) -> [Value] {
    var issues = ConfigurationIssues()
    var values: [Value] = []
    for element in elements {
      do {
        values.append(try transform(element))
      } catch {
        issues.add(error)
      }
    }
    try issues.throwIfAny()
    return values
  }

  /// A failure at this node, for a rule of the caller's own; `message` names the rule and the fix.
  public func failure(_ message: String) -> ConfigurationFailure {
    failure(.custom(message))
  }

  func failure(_ problem: ConfigurationProblem) -> ConfigurationFailure {
    ConfigurationFailure(ConfigurationError(place: place, name: name, problem: problem))
  }
}
