// SPDX-License-Identifier: MIT

extension SIMD4<Float> {
  /// Four floats from an address of any alignment.
  @inline(__always)
  init(at address: UnsafePointer<Float>) {
    self = UnsafeRawPointer(address).loadUnaligned(as: SIMD4<Float>.self)
  }

  @inline(__always)
  func store(to address: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(address).storeBytes(of: self, as: SIMD4<Float>.self)
  }

  @inline(__always)
  var reversed: SIMD4<Float> { SIMD4(w, z, y, x) }
}

/// Real and imaginary parts of four complex numbers.
struct ComplexLanes {
  var real: SIMD4<Float>
  var imaginary: SIMD4<Float>

  @inline(__always)
  init(real: SIMD4<Float>, imaginary: SIMD4<Float>) {
    self.real = real
    self.imaginary = imaginary
  }

  /// Four neighbours.
  @inline(__always)
  init(at address: UnsafePointer<ComplexPair>) {
    let all = UnsafeRawPointer(address).loadUnaligned(as: SIMD8<Float>.self)
    real = all.evenHalf
    imaginary = all.oddHalf
  }

  /// One number in every lane.
  @inline(__always)
  init(repeating value: ComplexPair) {
    real = SIMD4(repeating: value.x)
    imaginary = SIMD4(repeating: value.y)
  }

  @inline(__always)
  func store(to address: UnsafeMutablePointer<ComplexPair>) {
    var all = SIMD8<Float>()
    all.evenHalf = real
    all.oddHalf = imaginary
    UnsafeMutableRawPointer(address).storeBytes(of: all, as: SIMD8<Float>.self)
  }

  @inline(__always)
  var reversed: ComplexLanes {
    ComplexLanes(real: real.reversed, imaginary: imaginary.reversed)
  }

  @inline(__always)
  var first: ComplexPair { ComplexPair(real.x, imaginary.x) }

  @inline(__always)
  static func * (left: ComplexLanes, right: SIMD4<Float>) -> ComplexLanes {
    ComplexLanes(real: left.real * right, imaginary: left.imaginary * right)
  }
}
