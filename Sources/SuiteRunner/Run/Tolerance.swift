// SPDX-License-Identifier: MIT

import AttentionCore

/// How far a kernel may be from its own oracle, and why.
public struct Tolerance: Hashable, Sendable {
  /// Largest relative L2 error of the whole output.
  public let relativeL2: Double
  public let reason: String

  init(_ relativeL2: Double, _ reason: String) {
    self.relativeL2 = relativeL2
    self.reason = reason
  }

  /// The tolerance of a plan's arithmetic.
  public init(_ plan: Plan) {
    switch plan.stages.first {
    case .attend(let stage): self = Self.attend(stage.precision)
    case .attendSelected, .gatedBranches, .explicitScores, nil: self = Self.attend(.float32)
    case .decode(let stage): self = Self.decode(stage.keyValuePrecision)
    case .scan(let stage): self = Self.scan(stage)
    case .features(let stage): self = Self.features(stage)
    case .lowRank:
      self.init(1e-4, "an iterated inverse in Float32 multiplies roundings by the condition number")
    case .convolve(.relativeFeatures) where plan.shape.isCausal:
      self.init(
        max(1e-5, 1e-7 * Double(plan.shape.queryLength)),
        "transforms round by the largest sums, over all tokens; the first rows divide by sums that "
          + "are as many times smaller as there are tokens")
    case .convolve:
      self.init(
        1e-5, "Float32 transforms of products that span the range of their features and filters")
    case .mixTokens:
      self.init(2e-6, "Float32 transforms: log2(n) roundings of 6e-8 each, with a factor of 2")
    }
  }

  private static func attend(_ precision: AttendPrecision) -> Tolerance {
    switch precision {
    case .float32:
      return Tolerance(
        3e-6, "Float32: scores up to 50 carry 3e-6 into the exponent; typical error is 5e-7")
    case .bfloat16:
      return Tolerance(4e-3, "weights rounded to bfloat16: 2^-8 each, averaged over keys")
    case .int8(let rule):
      switch rule.valuePrecision {
      case .float32:
        return Tolerance(3e-6, "the same codes as the oracle; Float32 after them")
      case .bfloat16:
        return Tolerance(4e-3, "the same codes; weights rounded to bfloat16: 2^-8 each")
      case .int8:
        return Tolerance(
          5e-3, "the same codes; weights near a rounding step may fall on either side of it")
      }
    case .quantised(let plan): return quantised(plan)
    }
  }

  private static func quantised(_ plan: QuantisationPlan) -> Tolerance {
    guard plan.weights.format == .number(.float32), plan.sums.kind == .float32 else {
      return Tolerance(
        5e-3, "the same numbers; weights and sums near a rounding step may fall on either side")
    }
    return Tolerance(3e-6, "the same numbers as the oracle; Float32 after them")
  }

  private static func decode(_ precision: DecodePrecision) -> Tolerance {
    switch precision {
    case .float32, .bfloat16:
      return Tolerance(
        3e-6, "the same cache as the oracle; Float32 after it, as in tiled attention")
    case .int8:
      return Tolerance(
        2.5e-3, "the same codes; one of 255 steps for weights near the middle of a step")
    }
  }

  private static func features(_ stage: FeatureAttention) -> Tolerance {
    let isExponential = (stage.queryMap.steps + stage.keyMap.steps).contains { step in
      switch step {
      case .statisticExponential, .rowExponential, .statisticFactor, .focus, .taylor: true
      default: false
      }
    }
    let isUndivided = stage.normalizer == .none || stage.normalizer == .means
    if isExponential || isUndivided || stage.outputNorm != nil {
      return Tolerance(
        5e-5, "features span orders of magnitude, or sums without a denominator cancel")
    }
    return Tolerance(1e-5, "Float32 sums over the sequence: sqrt(n) roundings of 6e-8")
  }

  private static func scan(_ stage: Scan) -> Tolerance {
    switch stage.featureMap {
    case .identity, .elu1, .relu:
      return Tolerance(1e-5, "Float32 sums over the sequence: sqrt(n) roundings of 6e-8")
    case .positiveRandom:
      return Tolerance(
        1e-4, "exponential features span many orders of magnitude: ill-conditioned sums")
    }
  }
}
