// SPDX-License-Identifier: MIT

import AttentionCore

/// A line of the catalogue: a mechanism, or a preset of one.
public struct MechanismEntry: Sendable {
  public let id: String
  public let card: MechanismCard
  /// Parameters that the preset fixes; empty for a mechanism.
  public let preset: [String: String]
  /// Name, default, form and meaning of every parameter.
  public let parameters: [ParameterDescription]
  /// Parameters that the extents of given weights imply.
  public let impliedOverrides: @Sendable (_ weights: [String: [Int]]) -> [String: String]
  private let build:
    @Sendable ([String: String], AttentionShape) throws(MechanismError) -> any AttentionMechanism

  /// The line of a mechanism.
  public init<Mechanism: AttentionMechanism>(_ type: Mechanism.Type) {
    id = Mechanism.card.id
    card = Mechanism.card
    preset = [:]
    parameters = zip(Mechanism.Parameters.fields, Mechanism.Parameters().texts).map {
      ParameterDescription(
        name: $0.name, defaultText: $1.text, form: $0.form, meaning: $0.meaning,
        changesResult: $0.changesResult)
    }
    impliedOverrides = { Mechanism.overrides(impliedBy: $0) }
    build = { overrides, shape throws(MechanismError) in
      let parameters = try Mechanism.Parameters(
        overrides: overrides, mechanism: Mechanism.card.id)
      try Self.checkLength(Mechanism.self, parameters, shape)
      return try Mechanism(parameters, shape: shape)
    }
  }

  /// A line that names a mechanism with parameters of its own.
  ///
  /// `parameters` replace the defaults of `type`; users may override them in turn.
  public init<Mechanism: AttentionMechanism>(
    preset id: String, of type: Mechanism.Type, title: String, origin: Citation, summary: String,
    parameters: [String: String]
  ) {
    let base = MechanismEntry(type)
    self.id = id
    card = base.card.renamed(id: id, title: title, origin: origin, summary: summary)
    preset = parameters
    self.parameters = base.parameters.map { field in
      ParameterDescription(
        name: field.name, defaultText: parameters[field.name] ?? field.defaultText,
        form: field.form, meaning: field.meaning, changesResult: field.changesResult)
    }
    impliedOverrides = base.impliedOverrides
    build = base.build
  }

  private static func checkLength<Mechanism: AttentionMechanism>(
    _ type: Mechanism.Type, _ parameters: Mechanism.Parameters, _ shape: AttentionShape
  ) throws(MechanismError) {
    guard let planned = type as? any PlannedByQuery.Type else { return }
    try planned.checkLength(anyParameters: parameters, shape: shape)
  }

  /// The mechanism with `overrides` over the preset over the defaults.
  ///
  /// - Throws: ``MechanismError`` for a pattern that the card does not list, unknown or malformed
  ///   parameters, or parameters that do not fit the shape.
  public func make(
    _ overrides: [String: String], shape: AttentionShape
  ) throws(MechanismError) -> any AttentionMechanism {
    let pattern = AttentionPattern(of: shape)
    guard card.patterns.contains(pattern) else {
      throw .unsupportedPattern(
        mechanism: id, pattern: pattern.rawValue,
        supported: card.patterns.sorted().map(\.rawValue))
    }
    return try build(preset.merging(overrides) { $1 }, shape)
  }
}

/// One parameter as `describe` prints it.
public struct ParameterDescription: Hashable, Sendable {
  public let name: String
  public let defaultText: String
  public let form: String
  public let meaning: String
  public let changesResult: Bool
}
