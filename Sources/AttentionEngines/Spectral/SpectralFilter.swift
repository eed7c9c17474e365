// SPDX-License-Identifier: MIT

import AttentionCore

/// Filter and modReLU on the spectrum of a pair of real columns.
struct SpectralFilter {
  let length: Int
  let nonlinearity: AdaptiveFilter.Nonlinearity
  let epsilon: Float
  /// `1 / sqrt(length)`: both transforms are orthonormal.
  private let norm: Float

  init(_ filter: AdaptiveFilter, length: Int) {
    self.length = length
    nonlinearity = filter.nonlinearity
    epsilon = Float(filter.epsilon)
    norm = 1 / Float(length).squareRoot()
  }

  /// Filter and bias of one column's head, per frequency.
  struct Column {
    let filter: UnsafePointer<Float>
    let bias: UnsafePointer<Float>
  }

  /// Modulates an unscaled spectrum `F(a + ib)` in place.
  ///
  /// An unscaled inverse transform then ends with the columns `a` and `b` as the real and the
  /// imaginary part.
  func apply(to spectrum: UnsafeMutablePointer<ComplexPair>, _ a: Column, _ b: Column) {
    var bin = 1
    // Four bins and the four that mirror them, while they do not meet.
    while bin + 3 < length - bin - 3 {
      let mirror = spectrum + length - bin - 3
      var here = ComplexLanes(at: spectrum + bin)
      var there = ComplexLanes(at: mirror).reversed
      modulate(
        &here, &there, filterA: SIMD4(at: a.filter + bin), biasA: SIMD4(at: a.bias + bin),
        filterB: SIMD4(at: b.filter + bin), biasB: SIMD4(at: b.bias + bin))
      here.store(to: spectrum + bin)
      there.reversed.store(to: mirror)
      bin += 4
    }
    applyOneByOne(bins: bin..<length / 2 + 1, spectrum, a, b)
    applyOneByOne(bins: 0..<1, spectrum, a, b)
  }

  private func applyOneByOne(
    bins: Range<Int>, _ spectrum: UnsafeMutablePointer<ComplexPair>, _ a: Column, _ b: Column
  ) {
    for bin in bins {
      let mirror = bin == 0 ? 0 : length - bin
      var here = ComplexLanes(repeating: spectrum[bin])
      var there = ComplexLanes(repeating: spectrum[mirror])
      modulate(
        &here, &there, filterA: SIMD4(repeating: a.filter[bin]),
        biasA: SIMD4(repeating: a.bias[bin]), filterB: SIMD4(repeating: b.filter[bin]),
        biasB: SIMD4(repeating: b.bias[bin]))
      // A bin that mirrors itself is written twice with the same number.
      spectrum[bin] = here.first
      spectrum[mirror] = there.first
    }
  }

  /// `F(a)[t] = (Z[t] + conj Z[-t]) / 2`, `F(b)[t] = (Z[t] - conj Z[-t]) / 2i`; and back.
  @inline(__always)
  private func modulate(
    _ here: inout ComplexLanes, _ there: inout ComplexLanes, filterA: SIMD4<Float>,
    biasA: SIMD4<Float>, filterB: SIMD4<Float>, biasB: SIMD4<Float>
  ) {
    let scale = 0.5 * norm
    var a = ComplexLanes(
      real: (here.real + there.real) * scale, imaginary: (here.imaginary - there.imaginary) * scale)
    var b = ComplexLanes(
      real: (here.imaginary + there.imaginary) * scale, imaginary: (there.real - here.real) * scale)
    a = a * gain(a, filter: filterA, bias: biasA)
    b = b * gain(b, filter: filterB, bias: biasB)
    here = ComplexLanes(real: a.real - b.imaginary, imaginary: a.imaginary + b.real)
    there = ComplexLanes(real: a.real + b.imaginary, imaginary: b.real - a.imaginary)
  }

  /// What multiplies a frequency: `filter relu(|z| + bias) / sqrt(|z|^2 + epsilon^2)` with the
  /// filtered `z`, and the factor of the inverse transform.
  @inline(__always)
  private func gain(
    _ value: ComplexLanes, filter: SIMD4<Float>, bias: SIMD4<Float>
  ) -> SIMD4<Float> {
    guard nonlinearity == .modReLU else { return filter * norm }
    let squares =
      filter * filter * (value.real * value.real + value.imaginary * value.imaginary)
    // The least normal number instead of 0 keeps the root finite; times 0 it is 0 again.
    let magnitude =
      squares * Self.inverseRoot(squares.replacing(with: 0x1p-126, where: squares .< 0x1p-126))
    let shifted = magnitude + bias
    let activated = shifted.replacing(with: 0, where: shifted .< 0)
    return filter * norm * activated * Self.inverseRoot(squares + epsilon * epsilon)
  }

  /// `1 / sqrt(x)` for normal `x` within 3 ulp.
  ///
  /// The vector square root of the standard library is one scalar root per lane. Halving the
  /// exponent in the bit pattern gives a start within 3.5 %, and three Newton steps square that
  /// three times.
  @inline(__always)
  static func inverseRoot(_ x: SIMD4<Float>) -> SIMD4<Float> {
    let bits = unsafeBitCast(x, to: SIMD4<UInt32>.self)
    var root = unsafeBitCast(0x5F37_59DF &- (bits &>> 1), to: SIMD4<Float>.self)
    let half = x * 0.5
    for _ in 0..<3 {
      root *= 1.5 - half * root * root
    }
    return root
  }
}
