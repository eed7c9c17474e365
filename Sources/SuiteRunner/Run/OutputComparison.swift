// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Distances between an output and a reference of the same extents.
package struct OutputComparison {
  package let maxAbsolute: Double
  package let relativeL2: Double
  /// Largest relative L2 error of one row; rows whose reference is zero count absolutely.
  package let worstRow: Double
  package let cosine: Double
  /// `sum |O - O'| / sum |O|`.
  package let relativeL1: Double
  package let rmse: Double
  package let worstHeadCosine: Double
  package let worstRowCosine: Double

  /// Compares every row, or of each matrix the rows that `rows` names.
  package init(_ output: Tensor<Float>, _ reference: ReferenceOutput, rows: [Int]? = nil) {
    let width = reference.extents.last ?? 1
    let length = reference.extents[reference.extents.count - 2]
    var total = ComparisonSums()
    var worstRow = 0.0
    var worstHeadCosine = 1.0
    var worstRowCosine = 1.0
    for matrix in 0..<reference.values.count / (length * width) {
      var head = ComparisonSums()
      for row in rows ?? Array(0..<length) {
        var sums = ComparisonSums()
        for index in (matrix * length + row) * width..<(matrix * length + row + 1) * width {
          sums.add(Double(output[index]), reference.values[index])
        }
        worstRow = Self.larger(worstRow, sums.relativeL2)
        worstRowCosine = Self.smaller(worstRowCosine, sums.cosine)
        head.add(sums)
      }
      worstHeadCosine = Self.smaller(worstHeadCosine, head.cosine)
      total.add(head)
    }
    maxAbsolute = total.maxAbsolute
    relativeL2 = total.relativeL2
    cosine = total.cosine
    relativeL1 = total.referenceL1 > 0 ? total.errorL1 / total.referenceL1 : total.errorL1
    rmse = (total.errorSquares / Double(max(total.count, 1))).squareRoot()
    self.worstRow = worstRow
    self.worstHeadCosine = worstHeadCosine
    self.worstRowCosine = worstRowCosine
  }

  // A NaN must win: an output with a hole in it is never the better one.
  private static func larger(_ left: Double, _ right: Double) -> Double {
    left.isNaN || right.isNaN ? .nan : max(left, right)
  }

  private static func smaller(_ left: Double, _ right: Double) -> Double {
    left.isNaN || right.isNaN ? .nan : min(left, right)
  }
}

private struct ComparisonSums {
  var count = 0
  var errorSquares = 0.0
  var referenceSquares = 0.0
  var outputSquares = 0.0
  var product = 0.0
  var errorL1 = 0.0
  var referenceL1 = 0.0
  var maxAbsolute = 0.0

  mutating func add(_ output: Double, _ reference: Double) {
    let error = output - reference
    count += 1
    errorSquares += error * error
    referenceSquares += reference * reference
    outputSquares += output * output
    product += output * reference
    errorL1 += abs(error)
    referenceL1 += abs(reference)
    maxAbsolute = error.isNaN || maxAbsolute.isNaN ? .nan : max(maxAbsolute, abs(error))
  }

  mutating func add(_ other: Self) {
    count += other.count
    errorSquares += other.errorSquares
    referenceSquares += other.referenceSquares
    outputSquares += other.outputSquares
    product += other.product
    errorL1 += other.errorL1
    referenceL1 += other.referenceL1
    maxAbsolute =
      maxAbsolute.isNaN || other.maxAbsolute.isNaN ? .nan : max(maxAbsolute, other.maxAbsolute)
  }

  var relativeL2: Double {
    referenceSquares > 0
      ? (errorSquares / referenceSquares).squareRoot() : errorSquares.squareRoot()
  }

  /// 1 where both are zero: rows without keys agree.
  var cosine: Double {
    guard referenceSquares > 0 || outputSquares > 0 else { return 1 }
    guard referenceSquares > 0, outputSquares > 0 else {
      return errorSquares.isNaN ? .nan : 0
    }
    return product / (referenceSquares * outputSquares).squareRoot()
  }
}
