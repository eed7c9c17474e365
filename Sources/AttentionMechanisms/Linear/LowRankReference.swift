// SPDX-License-Identifier: MIT

import AttentionReference

/// Small matrices in Double, for oracles of landmarks.
enum LowRankReference {
  static func product(_ left: Rows, _ right: Rows) -> Rows {
    var result = Rows(count: left.count, width: right.width)
    for row in 0..<left.count {
      for inner in 0..<right.count { result.add(left[row, inner], right, inner, to: row) }
    }
    return result
  }

  static func transposed(_ rows: Rows) -> Rows {
    var result = Rows(count: rows.width, width: rows.count)
    for row in 0..<rows.count {
      for column in 0..<rows.width { result[column, row] = rows[row, column] }
    }
    return result
  }

  /// `V (13 - K V (15 - K V (7 - K V))) / 4`, repeated from `K^T / largest column sum`.
  static func inverseOfStochastic(_ matrix: Rows, iterations: Int) -> Rows {
    let flipped = transposed(matrix)
    let largest = (0..<flipped.count).map { flipped[$0].reduce(0, +) }.max() ?? 1
    var inverse = flipped.map { $0 / largest }
    for _ in 0..<iterations {
      let product = product(matrix, inverse)
      let inner = self.product(product, less(product, from: 7))
      let outer = self.product(product, less(inner, from: 15))
      inverse = self.product(inverse, less(outer, from: 13)).map { $0 / 4 }
    }
    return inverse
  }

  /// `2 V - V P V`, repeated from `start P`.
  static func inverseOfSymmetric(_ matrix: Rows, start: Double, iterations: Int) -> Rows {
    var inverse = matrix.map { $0 * start }
    for _ in 0..<iterations {
      let change = product(inverse, product(matrix, inverse))
      for index in 0..<inverse.values.count {
        inverse.values[index] = 2 * inverse.values[index] - change.values[index]
      }
    }
    return inverse
  }

  private static func less(_ matrix: Rows, from diagonal: Double) -> Rows {
    var result = matrix.map { -$0 }
    for index in 0..<matrix.count { result[index, index] += diagonal }
    return result
  }

  /// One centred kernel along the sequence for all channels.
  static func adding(convolutionOf value: Rows, taps: [Double], to output: Rows) -> Rows {
    var result = output
    for row in 0..<output.count {
      for (tap, weight) in taps.enumerated() {
        let other = row + tap - taps.count / 2
        guard (0..<value.count).contains(other) else { continue }
        result.add(weight, value, other, to: row)
      }
    }
    return result
  }
}
