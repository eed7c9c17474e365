// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// What mechanisms with quantisation plans of their own share: checks and the oracle.
enum LowBitRules {
  /// Checks a number of queries that share a mean, or of keys that share a running maximum.
  ///
  /// Strips hold 32 queries and weights may share scales in blocks of 32 keys.
  static func block(_ name: String, _ value: Int) throws(MechanismError) {
    guard value >= 32, value.isMultiple(of: 32), value <= 1024 else {
      throw .outOfRange(
        parameter: name, value: "\(value)", rule: "it must be a multiple of 32 in 32 ... 1024")
    }
  }

  /// Checks that Float32 holds sums of products of 8-bit codes exactly.
  static func width(_ mechanism: String, _ shape: AttentionShape) throws(MechanismError) {
    guard shape.headDim <= 1024 else {
      throw .unsupportedShape(
        mechanism: mechanism, shape: shape.description,
        rule: "sums of 8-bit products are exact for up to 1024 channels")
    }
  }

  static func plan(
    _ plan: QuantisationPlan, _ preparation: Preparation, shape: AttentionShape
  ) -> Plan {
    Plan(
      shape: shape,
      stages: [
        .attend(Attend(precision: .quantised(plan), keepsOperands: preparation == .once))
      ])
  }

  static let preparation =
    "When tensors are quantised: in every call, or in the first only, if they do not change."

  static func oracle(
    _ plan: QuantisationPlan, _ problem: ReferenceProblem, shape: AttentionShape
  ) -> ReferenceOutput {
    let reference = QuantisedAttentionReference(plan, softmaxScale: shape.softmaxScale)
    return problem.mapHeads { head, _, _ in
      reference.attend(head) { query, key in
        SoftmaxReference.allows(shape, query: query, key: key)
      }
    }
  }
}

/// Elements of the value product that are rounded one by one.
public enum ValueFormat: String, ParameterChoice {
  case float32, bfloat16, float16, int8, e5m2, e4m3

  var number: NumberFormat {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    case .int8: .int8
    case .e5m2: .e5m2
    case .e4m3: .e4m3
    }
  }

  /// Weights fill the range of the format.
  var weights: WeightRule {
    WeightRule(.number(number), scale: number.isScaled ? number.largest : 1)
  }
}

/// Denominators of quantised weights.
public enum WeightSum: String, ParameterChoice {
  /// The weights before they are rounded.
  case exact
  /// The weights as they meet the values, which reproduces constant values.
  case quantised
}

/// When the tensors of a call are quantised.
public enum Preparation: String, ParameterChoice {
  case everyCall
  /// In the first call only: what attention takes when its operands are quantised already.
  case once
}
