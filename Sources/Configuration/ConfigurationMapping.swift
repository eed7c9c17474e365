// SPDX-License-Identifier: MIT

/// A key of a mapping with its value.
public struct ConfigurationEntry: Sendable {
  public let key: String
  /// Where the key stands.
  public let place: ConfigurationPlace
  public let value: ConfigurationNode
}

/// A mapping whose keys have been checked.
public struct ConfigurationMapping: Sendable {
  /// The node that it was made from, for failures about the mapping as a whole.
  public let node: ConfigurationNode
  /// In the order of the file.
  public let entries: [ConfigurationEntry]
  private let values: [String: ConfigurationNode]

  init(_ node: ConfigurationNode, _ entries: [ConfigurationEntry]) {
    self.node = node
    self.entries = entries
    // The YAML library has refused duplicates.
    values = Dictionary(entries.map { ($0.key, $0.value) }) { first, _ in first }
  }

  /// The value of `key`, or `nil` if the key is not there.
  public func optional(_ key: String) -> ConfigurationNode? {
    values[key]
  }

  /// The value of `key`.
  ///
  /// - Throws: ``ConfigurationProblem/missingKey(_:)`` at the start of the mapping.
  public func required(_ key: String) throws(ConfigurationFailure) -> ConfigurationNode {
    guard let value = values[key] else { throw node.failure(.missingKey(key)) }
    return value
  }
}

extension ConfigurationNode {
  /// The mapping, if it has no keys but `keys`, and all that are `required`.
  ///
  /// Unknown and missing keys are thrown all at once, the unknown ones where they stand.
  public func mapping(
    keys: [String], required: [String] = []
  ) throws(ConfigurationFailure) -> ConfigurationMapping {
    let mapping = try openMapping()
    var issues = ConfigurationIssues()
    let known = Set(keys).union(required)
    for entry in mapping.entries where !known.contains(entry.key) {
      let problem = ConfigurationProblem.unknownKey(entry.key, known: keys)
      issues.add(
        ConfigurationFailure(ConfigurationError(place: entry.place, name: name, problem: problem)))
    }
    for key in required where mapping.optional(key) == nil {
      issues.add(failure(.missingKey(key)))
    }
    try issues.throwIfAny()
    return mapping
  }

  /// The mapping, whatever its keys; for keys that another table declares.
  public func openMapping() throws(ConfigurationFailure) -> ConfigurationMapping {
    guard case .mapping(let entries) = content else {
      throw failure(.wrongKind(expected: .mapping, found: kind))
    }
    return ConfigurationMapping(self, entries)
  }
}
