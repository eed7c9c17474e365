// SPDX-License-Identifier: MIT

/// How queries, keys, values and softmax weights are quantised, and what holds their sums.
///
/// Queries are scaled first, keys and values have their means subtracted where they are smoothed,
/// queries and keys are then rotated, and every group of a tensor is rounded with its scale:
/// `number(x * (largest number / largest |x|))`, in Float32. Weights are
/// `number(weightScale * 2^(score - running maximum))`.
///
/// Source: Zhang et al., *SageAttention* 1, 2, 2++ and 3 (2024 and 2025), arXiv:2410.02367,
/// 2411.10958, 2505.21136, 2505.11594; Shah et al., *FlashAttention-3* (2024), arXiv:2407.08608.
public struct QuantisationPlan: Hashable, Sendable {
  public var query: OperandRule
  public var key: OperandRule
  public var value: OperandRule
  public var rounding = RoundingRule.even
  /// Whether the mean key is subtracted; softmax does not see it.
  public var smoothsKeys = false
  /// Consecutive queries whose mean is subtracted: a multiple of 32, or nil for none.
  ///
  /// The products of the mean with the keys are added to the scores in Float32.
  public var smoothedQueries: Int?
  /// Whether the mean value is subtracted and added to the output.
  public var smoothsValues = false
  /// Random signs and a Hadamard matrix applied to queries and keys.
  public var rotation: Rotation?
  public var weights: WeightRule
  /// Keys between two updates of the running maximum: a multiple of 32, at most 1024.
  public var keyBlock = 64
  public var sums = SumRule()
  /// Whether the denominator adds up the rounded weights.
  public var quantisedDenominator = false

  public init(query: OperandRule, key: OperandRule, value: OperandRule, weights: WeightRule) {
    self.query = query
    self.key = key
    self.value = value
    self.weights = weights
  }

  /// The class of the score products.
  public var scoreClass: OperationClass { key.format.operationClass }

  /// The class of the value products; narrow sums double the rate of FP8 on some machines.
  public var valueClass: OperationClass {
    let kind = value.format.operationClass
    return kind == .fp8 && sums.kind == .float16 ? .fp8Narrow : kind
  }

  /// Formats whose products this project can only emulate; empty if every product is an
  /// instruction of some CPU.
  public var emulatedFormats: [String] {
    var names: [String] = []
    for format in [key.format, value.format, weights.format] where format.isEmulated {
      if !names.contains(format.shortName) { names.append(format.shortName) }
    }
    return names
  }
}

/// Format and scales of one tensor.
public struct OperandRule: Hashable, Sendable {
  public var format: OperandFormat
  public var group: ScaleGroup
  /// Tokens per block where blocks share a scale.
  public var block: Int
  /// What the largest element of a group becomes; nil for the largest number.
  public var range: Float?

  public init(
    _ format: OperandFormat, group: ScaleGroup = .token, block: Int = 64, range: Float? = nil
  ) {
    self.format = format
    self.group = group
    self.block = block
    self.range = range
  }

  /// Group of the token at `index` of a query or key; channels are no groups of tokens.
  public func group(of index: Int, isQuery: Bool) -> Int {
    switch group {
    case .tensor, .channel: 0
    case .block: index / block
    case .thread:
      isQuery ? index / 32 * 8 + index % 8 : index / 64 * 4 + index % 8 / 2
    case .token: index
    }
  }
}

/// How softmax weights are rounded before they meet the values.
public struct WeightRule: Hashable, Sendable {
  public var format: OperandFormat
  /// The largest weight, before it is rounded.
  ///
  /// It is the largest number of an integer or 8-bit format, or how far a micro format's scales reach.
  public var scale: Float

  public init(_ format: OperandFormat, scale: Float = 1) {
    self.format = format
    self.scale = scale
  }
}

/// What holds sums of weighted values.
public struct SumRule: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, Codable, ParameterChoice {
    case float32
    /// 13 bits behind the point, the rest cut off: what FP8 matrix units have.
    case fp22
    case float16
  }

  public var kind: Kind
  /// Whether every key block is summed by itself and added in Float32.
  public var twoLevel: Bool
  /// Keys after which a sum is rounded: what one matrix instruction contracts.
  public var depth: Int

  public init(_ kind: Kind = .float32, twoLevel: Bool = true, depth: Int = 32) {
    self.kind = kind
    self.twoLevel = twoLevel
    self.depth = depth
  }
}

/// Random signs, then an orthonormal Hadamard matrix over the channels: scores stay as they are.
public struct Rotation: Hashable, Sendable {
  public var seed: Int

  public init(seed: Int) {
    self.seed = seed
  }

  /// One sign per channel, the same for queries and keys of all heads.
  public func signs(_ width: Int) -> [Float] {
    var generator = SplitMix64(seed: Seed(UInt64(bitPattern: Int64(seed))).child("rotation"))
    return (0..<width).map { _ in generator.next() & 1 == 0 ? 1 : -1 }
  }

  /// Channels that one Hadamard matrix mixes: the largest power of two that divides the width.
  public static func block(_ width: Int) -> Int { width & -width }
}
