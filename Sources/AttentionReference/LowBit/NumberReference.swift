// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// Rounding to a narrow format by looking through all of its numbers, in Double.
public struct NumberReference: Sendable {
  /// Every magnitude of the format in the order of its encodings, so that even places have an even
  /// last bit.
  public let magnitudes: [Double]

  public init(_ format: NumberFormat) {
    switch format {
    case .int8: magnitudes = (0...127).map(Double.init)
    case .int4: magnitudes = (0...7).map(Double.init)
    case .e2m1: magnitudes = Self.decoded(exponentBits: 2, fractionBits: 1, bias: 1, count: 8)
    // The last encoding of E4M3 is not a number; the last four of E5M2 are infinity and those.
    case .e4m3: magnitudes = Self.decoded(exponentBits: 4, fractionBits: 3, bias: 7, count: 127)
    case .e5m2: magnitudes = Self.decoded(exponentBits: 5, fractionBits: 2, bias: 15, count: 124)
    case .float16:
      magnitudes = Self.decoded(exponentBits: 5, fractionBits: 10, bias: 15, count: 31 << 10)
    case .bfloat16:
      magnitudes = Self.decoded(exponentBits: 8, fractionBits: 7, bias: 127, count: 255 << 7)
    case .float32: magnitudes = []
    }
  }

  /// The magnitudes of the first `count` encodings: fields of an exponent and a fraction.
  private static func decoded(
    exponentBits: Int, fractionBits: Int, bias: Int, count: Int
  ) -> [Double] {
    (0..<count).map { code in
      let (field, fraction) = code.quotientAndRemainder(dividingBy: 1 << fractionBits)
      let share = Double(fraction) / Double(1 << fractionBits)
      return field == 0
        ? share * Double.exp2(Double(1 - bias)) : (1 + share) * Double.exp2(Double(field - bias))
    }
  }

  /// The number nearest to `x`; beyond the largest it is that one.
  public func nearest(_ x: Double, _ rounding: RoundingRule = .even) -> Double {
    guard let last = magnitudes.last else { return Double(Float(x)) }
    let magnitude = abs(x)
    guard magnitude < last else { return x < 0 ? -last : last }
    var (low, high) = (0, magnitudes.count - 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      if magnitudes[middle] <= magnitude { low = middle } else { high = middle }
    }
    let below = magnitude - magnitudes[low]
    let above = magnitudes[high] - magnitude
    let takesLower =
      below < above || below == above && rounding == .even && low.isMultiple(of: 2)
    let result = magnitudes[takesLower ? low : high]
    return x < 0 ? -result : result
  }
}
