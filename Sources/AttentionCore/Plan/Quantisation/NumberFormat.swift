// SPDX-License-Identifier: MIT

/// A set of numbers that an element is rounded to.
///
/// Floating-point sets have no infinity here: what is too large becomes the largest number. Integers
/// are symmetric, so that a number can always be negated.
public enum NumberFormat: String, Hashable, Sendable, Codable, ParameterChoice {
  case float32, bfloat16, float16, e5m2, e4m3, e2m1, int8, int4

  /// The largest number of the set; infinity where rounding never meets it.
  public var largest: Float {
    switch self {
    case .float32, .bfloat16: .infinity
    case .float16: 65504
    case .e5m2: 57344
    case .e4m3: 448
    case .e2m1: 6
    case .int8: 127
    case .int4: 7
    }
  }

  /// Bits of an element in memory.
  public var bits: Int {
    switch self {
    case .float32: 32
    case .bfloat16, .float16: 16
    case .e5m2, .e4m3, .int8: 8
    case .e2m1, .int4: 4
    }
  }

  public var isInteger: Bool { self == .int8 || self == .int4 }

  /// Whether rounding to the set needs a scale.
  public var isScaled: Bool {
    switch self {
    case .float32, .bfloat16, .float16: false
    case .e5m2, .e4m3, .e2m1, .int8, .int4: true
    }
  }

  /// The name in tables, such as `bf16`.
  public var shortName: String {
    switch self {
    case .float32: "f32"
    case .bfloat16: "bf16"
    case .float16: "f16"
    case .e5m2, .e4m3, .e2m1, .int8, .int4: rawValue
    }
  }
}

/// Which of two equally near numbers is taken.
public enum RoundingRule: String, Hashable, Sendable, Codable, ParameterChoice {
  /// The one whose last bit is even.
  case even
  /// The one of larger magnitude.
  case away
}

/// A format in which short blocks of E2M1 numbers along the contracted axis share a scale.
public enum MicroFormat: String, Hashable, Sendable, Codable, ParameterChoice {
  /// 16 numbers; the scale is E4M3(largest / 6).
  case nvfp4
  /// 32 numbers; the scale is 2^(floor(log2 largest) - 2).
  case mxfp4

  public var length: Int { self == .nvfp4 ? 16 : 32 }

  /// Bits of an element in memory, its part of the scale included.
  public var bits: Double { 4 + 8 / Double(length) }
}

/// How a tensor's elements are stored.
public enum OperandFormat: Hashable, Sendable {
  case number(NumberFormat)
  case micro(MicroFormat)

  public var shortName: String {
    switch self {
    case .number(let number): number.shortName
    case .micro(let micro): micro.rawValue
    }
  }

  /// Bits of an element in memory.
  public var bits: Double {
    switch self {
    case .number(let number): Double(number.bits)
    case .micro(let micro): micro.bits
    }
  }

  /// The class of a product with operands of this format.
  public var operationClass: OperationClass {
    switch self {
    case .number(.float32): .float32
    // A product of 16-bit floats has one rate on every machine here.
    case .number(.bfloat16), .number(.float16): .bfloat16
    case .number(.e5m2), .number(.e4m3): .fp8
    case .number(.int8): .int8
    case .number(.int4): .int4
    case .number(.e2m1), .micro: .fp4
    }
  }

  /// Whether no instruction of a CPU multiplies such numbers, so that only their accuracy is real.
  public var isEmulated: Bool {
    switch operationClass {
    case .fp8, .fp8Narrow, .fp4: true
    case .float32, .bfloat16, .int8, .int4, .exponential, .elementwise, .compare, .fourier:
      self == .number(.float16)
    }
  }
}

/// The elements that share a scale.
public enum ScaleGroup: String, Hashable, Sendable, Codable, ParameterChoice {
  /// All of a head.
  case tensor
  /// As many consecutive tokens as a block has.
  case block
  /// Tokens whose scores one thread of a matrix unit holds: every eighth of 32 queries, or the pairs
  /// at equal places modulo 8 of 64 keys.
  case thread
  case token
  /// All tokens of a channel.
  case channel
}
