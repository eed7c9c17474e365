// SPDX-License-Identifier: MIT

import RealModule

/// Discrete Fourier transforms in Double, by the defining sum.
public enum FourierReference {
  /// `X_k = sum_t x_t exp(-+ 2 pi i k t / n)`, unscaled; `inverse` flips the sign.
  public static func transform(
    real: [Double], imaginary: [Double], inverse: Bool = false
  ) -> (real: [Double], imaginary: [Double]) {
    let count = real.count
    let sign = inverse ? 1.0 : -1.0
    let angles = (0..<count).map { 2 * Double.pi * Double($0) / Double(count) }
    let cosines = angles.map { Double.cos($0) }
    let sines = angles.map { sign * Double.sin($0) }
    var outReal = [Double](repeating: 0, count: count)
    var outImaginary = outReal
    for bin in 0..<count {
      var sumReal = 0.0
      var sumImaginary = 0.0
      for time in 0..<count {
        let angle = bin * time % count
        sumReal += real[time] * cosines[angle] - imaginary[time] * sines[angle]
        sumImaginary += real[time] * sines[angle] + imaginary[time] * cosines[angle]
      }
      outReal[bin] = sumReal
      outImaginary[bin] = sumImaginary
    }
    return (outReal, outImaginary)
  }
}
