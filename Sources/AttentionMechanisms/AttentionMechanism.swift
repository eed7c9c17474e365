// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// One published way of computing attention: described here, executed by an engine.
public protocol AttentionMechanism: Sendable {
  associatedtype Parameters: MechanismParameters

  static var card: MechanismCard { get }

  /// - Throws: ``MechanismError`` if the parameters do not fit the shape.
  init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError)

  var parameters: Parameters { get }

  /// Parameters that the extents of given weights imply, by name, such as the number of features.
  static func overrides(impliedBy weights: [String: [Int]]) -> [String: String]

  /// What an engine executes and the simulator prices.
  var plan: Plan { get }

  /// The weights that it needs at its shape.
  var weightSpecifications: [WeightSpecification] { get }

  /// Weights drawn from `seed`, each from the stream of its own name.
  func drawWeights(_ seed: Seed) -> WeightSet

  /// The same computation as a formula in Double, written apart from ``plan``.
  func oracle(_ problem: ReferenceProblem) -> ReferenceOutput

  /// The shortest sequence on which a comparison with the oracle says something.
  var verificationLength: Int { get }

  /// What is wrong with a selection, judged by scores in Double; empty for mechanisms that select nothing.
  func selectionDefects(_ problem: ReferenceProblem) -> [String]
}

extension AttentionMechanism {
  public static func overrides(impliedBy weights: [String: [Int]]) -> [String: String] { [:] }
  public var weightSpecifications: [WeightSpecification] { [] }
  public func drawWeights(_ seed: Seed) -> WeightSet { WeightSet() }
  public var verificationLength: Int { 197 }
  public func selectionDefects(_ problem: ReferenceProblem) -> [String] { [] }
  public var card: MechanismCard { Self.card }
  public var parameterTexts: [(name: String, text: String)] { parameters.texts }

  /// - Throws: ``MechanismError/outOfRange(parameter:value:rule:)`` below `least`.
  static func require(
    _ parameter: String, _ value: Int, atLeast least: Int
  ) throws(MechanismError) {
    guard value >= least else {
      throw .outOfRange(
        parameter: parameter, value: "\(value)", rule: "it must be at least \(least)")
    }
  }
}
