// SPDX-License-Identifier: MIT

/// A mechanism, parameter or shape that cannot be served.
public enum MechanismError: Error, Hashable, Sendable {
  case unknownMechanism(id: String, known: [String])
  case unknownParameter(name: String, mechanism: String, known: [String])
  case malformedParameter(name: String, text: String, expected: String)
  case outOfRange(parameter: String, value: String, rule: String)
  case wrongRank(parameter: String, value: Extents, rank: Int)
  case unsupportedPattern(mechanism: String, pattern: String, supported: [String])
  case unsupportedShape(mechanism: String, shape: String, rule: String)
  case missingWeight(name: String, mechanism: String, known: [String])
  case wrongWeightShape(name: String, extents: [Int], expected: [Int], layout: String)
}

extension MechanismError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unknownMechanism(let id, _):
      "there is no mechanism '\(id)'"
    case .unknownParameter(let name, let mechanism, let known):
      known.isEmpty
        ? "'\(mechanism)' has no parameters, but '\(name)' was given"
        : "'\(mechanism)' has no parameter '\(name)'; it has \(known.joined(separator: ", "))"
    case .malformedParameter(let name, let text, let expected):
      "parameter '\(name)' is '\(text)'; expected \(expected)"
    case .outOfRange(let parameter, let value, let rule):
      "parameter '\(parameter)' is \(value); \(rule)"
    case .wrongRank(let parameter, let value, let rank):
      "parameter '\(parameter)' is \(value), which has \(value.rank) axes; the grid has \(rank)"
    case .unsupportedPattern(let mechanism, let pattern, let supported):
      "'\(mechanism)' does not support \(pattern) attention; it supports "
        + supported.joined(separator: ", ")
    case .unsupportedShape(let mechanism, let shape, let rule):
      "'\(mechanism)' cannot run at \(shape): \(rule)"
    case .missingWeight(let name, let mechanism, let known):
      "'\(mechanism)' has no weight '\(name)'; it takes "
        + (known.isEmpty ? "none" : known.joined(separator: ", "))
    case .wrongWeightShape(let name, let extents, let expected, let layout):
      "weight '\(name)' has shape \(extents); expected \(expected) = \(layout)"
    }
  }
}

extension MechanismError {
  /// The unknown word and the words it may have been meant as, if this is about a name.
  public var misspelling: (word: String, known: [String])? {
    switch self {
    case .unknownMechanism(let id, let known): (id, known)
    case .unknownParameter(let name, _, let known): (name, known)
    case .missingWeight(let name, _, let known): (name, known)
    default: nil
    }
  }
}
