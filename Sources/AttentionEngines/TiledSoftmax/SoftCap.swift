// SPDX-License-Identifier: MIT

/// `cap tanh(x / cap)` of rows of scores, relative error below 4e-7.
///
/// Up to 1/2 the tangent is its series; above, 1 - 2 / (e^(2x) + 1), where that loses nothing.
/// Plain multiplications and additions give the same bits whatever the kernel table.
struct SoftCap {
  private typealias Vector = SIMD8<Float>
  static let lanes = 8

  private let cap: Float
  private let factor: Float

  /// `scale` is what scores are multiplied with first.
  init(_ cap: Double, scale: Double) {
    self.cap = Float(cap)
    factor = Float(scale / cap)
  }

  /// Replaces `count` scores by their capped forms; elements up to the next multiple of ``lanes``
  /// are overwritten.
  func apply(_ scores: UnsafeMutablePointer<Float>, count: Int) {
    let raw = UnsafeMutableRawPointer(scores)
    for first in stride(from: 0, to: count, by: Self.lanes) {
      let offset = 4 * first
      let x = raw.loadUnaligned(fromByteOffset: offset, as: Vector.self) * factor
      raw.storeBytes(of: cap * Self.tangent(x), toByteOffset: offset, as: Vector.self)
    }
  }

  @inline(__always)
  private static func tangent(_ x: Vector) -> Vector {
    let negative = x .< 0
    let size = x.replacing(with: -x, where: negative)
    let z = size * size
    var series = Vector(repeating: 21844.0 / 6_081_075)
    series = series * z - 1382.0 / 155_925
    series = series * z + 62.0 / 2835
    series = series * z - 17.0 / 315
    series = series * z + 2.0 / 15
    series = series * z - 1.0 / 3
    let small = size + size * (z * series)
    // e^20 and more leave nothing of 2 / (e^(2x) + 1).
    let bounded = size.replacing(with: 10, where: size .> 10)
    let large = 1 - 2 / (powerOfTwo(bounded * 2.885_390_1) + 1)
    let result = small.replacing(with: large, where: size .> 0.5)
    return result.replacing(with: -result, where: negative)
  }

  /// 2^x for 0 <= x < 100.
  @inline(__always)
  private static func powerOfTwo(_ x: Vector) -> Vector {
    // Adding 1.5 * 2^23 leaves the nearest whole number in the last bits.
    let shifted = x + 12_582_912
    let f = x - (shifted - 12_582_912)
    var power = Vector(repeating: 1.540_353e-4)
    power = power * f + 1.333_355_8e-3
    power = power * f + 9.618_129e-3
    power = power * f + 5.550_411e-2
    power = power * f + 0.240_226_51
    power = power * f + 0.693_147_2
    power = power * f + 1
    let whole = unsafeBitCast(shifted, to: SIMD8<Int32>.self) &- 0x4B40_0000
    return unsafeBitCast(
      unsafeBitCast(power, to: SIMD8<Int32>.self) &+ (whole &<< 23), to: Vector.self)
  }
}
