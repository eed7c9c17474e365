// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// Attention of one query by plain loops: scores, softmax, weighted sum.
///
/// Relaxed arithmetic lets the compiler vectorise the loops as `-ffast-math` would in C; that is
/// all the help they get.
struct ScoreLoops {
  let headDim: Int
  let valueDim: Int
  let scale: Float

  /// Attends one query to the first `keys` keys.
  ///
  /// - Requires: `scores` is scratch for `keys` floats.
  func attend(
    query: UnsafePointer<Float>, key: UnsafePointer<Float>, value: UnsafePointer<Float>, keys: Int,
    scores: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>
  ) {
    output.update(repeating: 0, count: valueDim)
    guard keys > 0 else { return }
    var maximum = -Float.infinity
    for row in 0..<keys {
      let keyRow = key + row * headDim
      var sum: Float = 0
      for column in 0..<headDim {
        sum = Relaxed.multiplyAdd(query[column], keyRow[column], sum)
      }
      scores[row] = scale * sum
      maximum = max(maximum, scores[row])
    }
    var denominator: Float = 0
    for row in 0..<keys {
      scores[row] = Float.exp(scores[row] - maximum)
      denominator += scores[row]
    }
    for row in 0..<keys {
      let weight = scores[row] / denominator
      let valueRow = value + row * valueDim
      for column in 0..<valueDim {
        output[column] += weight * valueRow[column]
      }
    }
  }
}
