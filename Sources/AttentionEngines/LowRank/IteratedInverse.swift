// SPDX-License-Identifier: MIT

import COpenBLAS

/// Inverses of small matrices by products alone.
struct IteratedInverse {
  let size: Int
  let iterations: Int

  /// Floats of scratch.
  var scratchCount: Int { 3 * size * size }

  /// A generalised inverse of a matrix whose rows sum to 1, by an iteration of third order.
  ///
  /// `V <- V (13 - K V (15 - K V (7 - K V))) / 4` from `K^T / largest column sum`; Razavi et al.
  func ofStochastic(
    _ matrix: UnsafePointer<Float>, into inverse: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let count = size * size
    let (product, inner, outer) = (scratch, scratch + count, scratch + 2 * count)
    var largest: Float = 0
    for column in 0..<size {
      var sum: Float = 0
      for row in 0..<size {
        sum += matrix[row * size + column]
        inverse[column * size + row] = matrix[row * size + column]
      }
      largest = max(largest, sum)
    }
    for index in 0..<count { inverse[index] /= largest }
    for _ in 0..<iterations {
      multiply(matrix, inverse, into: product)
      less(product, from: 7, into: inner)
      multiply(product, inner, into: outer)
      less(outer, from: 15, into: inner)
      multiply(product, inner, into: outer)
      less(outer, from: 13, into: inner)
      multiply(inverse, inner, into: outer, factor: 0.25)
      inverse.update(from: outer, count: count)
    }
  }

  /// The inverse of a symmetric positive definite matrix by Newton's iteration `V <- 2 V - V P V`
  /// from `start P`.
  func ofSymmetric(
    _ matrix: UnsafePointer<Float>, start: Float, into inverse: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let count = size * size
    let product = scratch
    for index in 0..<count { inverse[index] = start * matrix[index] }
    let next = scratch + count
    for _ in 0..<iterations {
      multiply(matrix, inverse, into: product)
      for index in 0..<count { next[index] = 2 * inverse[index] }
      multiply(inverse, product, into: next, factor: -1, keeps: 1)
      inverse.update(from: next, count: count)
    }
  }

  private func less(
    _ matrix: UnsafePointer<Float>, from diagonal: Float, into result: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<size * size { result[index] = -matrix[index] }
    for index in 0..<size { result[index * size + index] += diagonal }
  }

  private func multiply(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>,
    into result: UnsafeMutablePointer<Float>, factor: Float = 1, keeps: Float = 0
  ) {
    let size = Int32(size)
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, size, size, size, factor, left, size, right,
      size, keeps, result, size)
  }
}
