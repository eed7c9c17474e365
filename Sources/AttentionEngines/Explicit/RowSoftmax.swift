// SPDX-License-Identifier: MIT

/// Softmax of one row of scores in log2 units, without the division.
enum RowSoftmax {
  /// Replaces every score `s` by `exp2(s - maximum)` and returns the sum of the results.
  ///
  /// Vector lanes are summed apart and joined in a fixed order.
  static func exponentiate(_ scores: UnsafeMutablePointer<Float>, count: Int) -> Float {
    let maximum = largest(scores, count: count)
    var sums = SIMD16<Float>.zero
    var index = 0
    while index + 16 <= count {
      let weights = exp2(load(scores + index) - maximum)
      store(weights, to: scores + index)
      sums += weights
      index += 16
    }
    if index < count {
      // Lanes past the end become exp2 of the clamp, 2^-126, and are not stored; the sum leaves
      // them out.
      var rest = SIMD16<Float>(repeating: -.infinity)
      for lane in 0..<count - index { rest[lane] = scores[index + lane] }
      let weights = exp2(rest - maximum)
      for lane in 0..<count - index {
        scores[index + lane] = weights[lane]
        sums[lane] += weights[lane]
      }
    }
    return sums.sum()
  }

  private static func largest(_ scores: UnsafeMutablePointer<Float>, count: Int) -> Float {
    var maximum = -Float.infinity
    var index = 0
    if count >= 16 {
      var lanes = load(scores)
      index = 16
      while index + 16 <= count {
        let next = load(scores + index)
        lanes.replace(with: next, where: next .> lanes)
        index += 16
      }
      maximum = lanes.max()
    }
    while index < count {
      maximum = max(maximum, scores[index])
      index += 1
    }
    return maximum
  }

  /// `2^x` for `x <= 0` with a relative error below 2^-22; below -126 the result is 2^-126.
  ///
  /// `x = n + f` with `n` a whole number and `|f| <= 1/2`. Adding 1.5 * 2^23 leaves `n` in the low
  /// bits of the sum, from where a shift takes it to the exponent of the polynomial for `2^f`.
  @inline(__always)
  static func exp2(_ x: SIMD16<Float>) -> SIMD16<Float> {
    let shift: Float = 0x1.8p23
    let clamped = x.replacing(with: -126, where: x .< -126)
    let shifted = clamped + shift
    let fraction = clamped - (shifted - shift)
    // Minimax fit of 2^f on [-1/2, 1/2], exact at 0; with rounding the relative error stays below
    // 2^-22.
    var power = fraction * 0x1.5bba12p-10 + 0x1.3cea88p-7
    power = power * fraction + 0x1.c6b752p-5
    power = power * fraction + 0x1.ebf9bcp-3
    power = power * fraction + 0x1.62e42ap-1
    power = power * fraction + 1
    let exponent = unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &<< 23
    return unsafeBitCast(
      unsafeBitCast(power, to: SIMD16<UInt32>.self) &+ exponent, to: SIMD16<Float>.self)
  }

  @inline(__always)
  private static func load(_ address: UnsafeMutablePointer<Float>) -> SIMD16<Float> {
    UnsafeRawPointer(address).loadUnaligned(as: SIMD16<Float>.self)
  }

  @inline(__always)
  private static func store(_ lanes: SIMD16<Float>, to address: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(address).storeBytes(of: lanes, as: SIMD16<Float>.self)
  }
}
