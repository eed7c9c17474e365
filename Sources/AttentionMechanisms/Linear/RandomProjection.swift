// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// Random rows for feature maps, drawn from a seed.
enum RandomProjection {
  /// `rows * width` numbers in row-major order.
  static func draw(_ draw: Performer.Draw, rows: Int, width: Int, seed: Seed) -> [Double] {
    var generator = SplitMix64(seed: seed.child("directions"))
    guard draw != .independent else {
      return (0..<rows * width).map { _ in Double(generator.normal()) }
    }
    var lengths = SplitMix64(seed: seed.child("lengths"))
    var result: [Double] = []
    while result.count < rows * width {
      for direction in orthonormalBasis(width, &generator)
      where result.count < rows * width {
        let length =
          draw == .regularized
          ? Double(width).squareRoot() : norm((0..<width).map { _ in Double(lengths.normal()) })
        result += direction.map { $0 * length }
      }
    }
    return result
  }

  /// `width` orthonormal vectors without a preferred direction.
  ///
  /// Gram-Schmidt divides by positive lengths. A Householder QR fixes the signs of the diagonal
  /// otherwise, and its vectors are not uniform on the sphere: features made of them are biased.
  private static func orthonormalBasis(
    _ width: Int, _ generator: inout SplitMix64
  ) -> [[Double]] {
    var basis: [[Double]] = []
    while basis.count < width {
      var vector = (0..<width).map { _ in Double(generator.normal()) }
      let length = norm(vector)
      // Twice: one pass leaves rounding along earlier vectors where little of this one is new.
      for _ in 0..<2 {
        for earlier in basis {
          let along = zip(vector, earlier).reduce(0) { $0 + $1.0 * $1.1 }
          for index in 0..<width { vector[index] -= along * earlier[index] }
        }
      }
      let rest = norm(vector)
      // A vector almost inside the span of the earlier ones is drawn again.
      guard rest > 1e-6 * length else { continue }
      basis.append(vector.map { $0 / rest })
    }
    return basis
  }

  private static func norm(_ vector: [Double]) -> Double {
    vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }
}
