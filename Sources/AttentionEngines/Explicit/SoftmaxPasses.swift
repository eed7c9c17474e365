// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// A row of scores turned into normalised weights in two or three passes.
enum SoftmaxPasses {
  /// Maximum; exponentials and their sum; division.
  static func three(
    _ scores: UnsafeMutablePointer<Float>, count: Int, kernels: attn_rows_kernels_t
  ) {
    let sum = kernels.exponentiate(scores, Int64(count))
    scale(scores, count: count, by: 1 / sum)
  }

  /// Exponentials relative to each tile's maximum; then the correction to the row's maximum.
  ///
  /// - Requires: `tiles` is scratch for two floats per tile.
  static func two(
    _ scores: UnsafeMutablePointer<Float>, count: Int, keyTile: Int,
    tiles: UnsafeMutablePointer<Float>, kernels: attn_rows_kernels_t
  ) {
    let tileCount = (count + keyTile - 1) / keyTile
    let (maxima, sums) = (tiles, tiles + tileCount)
    var top = -Float.infinity
    for tile in 0..<tileCount {
      let first = tile * keyTile
      let size = min(keyTile, count - first)
      maxima[tile] = maximum(scores + first, count: size)
      top = max(top, maxima[tile])
      sums[tile] = kernels.exponentiate(scores + first, Int64(size))
    }
    var denominator: Float = 0
    for tile in 0..<tileCount {
      maxima[tile] = Float.exp2(maxima[tile] - top)
      denominator += maxima[tile] * sums[tile]
    }
    for tile in 0..<tileCount {
      let first = tile * keyTile
      scale(
        scores + first, count: min(keyTile, count - first), by: maxima[tile] / denominator)
    }
  }

  private static func maximum(_ scores: UnsafeMutablePointer<Float>, count: Int) -> Float {
    // Eight maxima side by side: one alone would wait for itself at every score.
    var lanes = SIMD8<Float>(repeating: -.infinity)
    var index = 0
    while index + 8 <= count {
      let next = UnsafeRawPointer(scores + index).loadUnaligned(as: SIMD8<Float>.self)
      lanes.replace(with: next, where: next .> lanes)
      index += 8
    }
    var top = lanes.max()
    while index < count {
      top = max(top, scores[index])
      index += 1
    }
    return top
  }

  private static func scale(
    _ scores: UnsafeMutablePointer<Float>, count: Int, by factor: Float
  ) {
    for index in 0..<count { scores[index] *= factor }
  }
}
