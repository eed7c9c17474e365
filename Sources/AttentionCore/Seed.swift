// SPDX-License-Identifier: MIT

/// The root of named random streams: every tensor has its own, so adding one changes no other.
public struct Seed: Hashable, Sendable, Codable {
  public let value: UInt64

  public init(_ value: UInt64) {
    self.value = value
  }

  /// The seed of the stream `name` below this one: FNV-1a of the name, mixed by SplitMix64.
  public func child(_ name: String) -> Seed {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
    var generator = SplitMix64(seed: Seed(value ^ hash))
    return Seed(generator.next())
  }
}

/// Steele, Lea and Flood's SplitMix64: 64 random bits from a counter.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: Seed) {
    state = seed.value
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number in 0 ..< 1 with 24 random bits.
  public mutating func uniform() -> Float {
    Float(next() >> 40) * 0x1p-24
  }

  /// An integer in 0 ..< bound, by Lemire's multiplication; the bias is below 2^-32 for small bounds.
  public mutating func integer(below bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// A variate of mean 0, variance 1 and support +-6: the sum of twelve 16-bit uniforms, less 6.
  ///
  /// Integer sums and one exact conversion give the same bits on every machine, which logarithm
  /// and cosine of a math library do not.
  public mutating func normal() -> Float {
    var sum = 0
    for _ in 0..<3 {
      let bits = next()
      sum += Int(bits & 0xFFFF) + Int(bits >> 16 & 0xFFFF)
      sum += Int(bits >> 32 & 0xFFFF) + Int(bits >> 48)
    }
    return Float(2 * sum - 12 * 0xFFFF) * 0x1p-17
  }
}
