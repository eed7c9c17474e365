// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import COpenBLAS

/// Attention of a block of queries by two matrix products of the BLAS.
struct ScoreProducts {
  let headDim: Int
  let valueDim: Int
  /// Softmax scale in log2 units.
  let scale: Float
  let kernels: attn_rows_kernels_t
  var passes = ExplicitScores.Passes.dividedLate

  /// Attends a block of queries, of which `row` sees the first `visible(row)` of `keys`.
  ///
  /// - Requires: `scores` is scratch for `rows * (keys + 1) + 2 * keys` floats; `visible` is `keys`
  ///   at most.
  func attend(
    at head: AttendOperands.Head, firstQuery: Int, rows: Int, keys: Int,
    scores: UnsafeMutablePointer<Float>, visible: (_ row: Int) -> Int
  ) {
    let output = head.output + firstQuery * valueDim
    guard keys > 0 else {
      output.update(repeating: 0, count: rows * valueDim)
      return
    }
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), Int32(keys), Int32(headDim), scale,
      head.query + firstQuery * headDim, Int32(headDim), head.key, Int32(headDim), 0, scores,
      Int32(keys))
    // Outputs are divided by the sums of weights after the second product: fewer divisions.
    let sums = scores + rows * keys
    for row in 0..<rows {
      let seen = visible(row)
      let rowScores = scores + row * keys
      sums[row] = seen > 0 ? weigh(rowScores, count: seen, tiles: sums + rows) : 0
      (rowScores + seen).update(repeating: 0, count: keys - seen)
    }
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows), Int32(valueDim), Int32(keys), 1,
      scores, Int32(keys), head.value, Int32(valueDim), 0, output, Int32(valueDim))
    for row in 0..<rows {
      let factor = sums[row] > 0 ? 1 / sums[row] : 0
      let outputRow = output + row * valueDim
      for column in 0..<valueDim {
        outputRow[column] *= factor
      }
    }
  }

  /// Turns scores into weights and returns what outputs are still to be divided by.
  private func weigh(
    _ scores: UnsafeMutablePointer<Float>, count: Int, tiles: UnsafeMutablePointer<Float>
  ) -> Float {
    switch passes {
    case .dividedLate:
      return kernels.exponentiate(scores, Int64(count))
    case .two(let keyTile):
      SoftmaxPasses.two(scores, count: count, keyTile: keyTile, tiles: tiles, kernels: kernels)
    case .three:
      SoftmaxPasses.three(scores, count: count, kernels: kernels)
    }
    return 1
  }
}
