// SPDX-License-Identifier: MIT

import RealModule

/// Functions of single rows in Double, by their definitions.
public enum RowReference {
  public static func sigmoid(_ x: Double) -> Double { 1 / (1 + Double.exp(-x)) }
  public static func silu(_ x: Double) -> Double { x * sigmoid(x) }
  public static func softplus(_ x: Double) -> Double {
    max(x, 0) + Double.log(onePlus: Double.exp(-abs(x)))
  }
  public static func elu1(_ x: Double) -> Double { x > 0 ? x + 1 : Double.exp(x) }
  public static func gelu(_ x: Double) -> Double {
    x * 0.5 * Double.erfc(-x / 2.0.squareRoot())
  }

  public static func softmax(_ row: [Double]) -> [Double] {
    let largest = row.max() ?? 0
    let powers = row.map { Double.exp($0 - largest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  public static func norm(_ row: [Double]) -> Double {
    row.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  /// `(row - mean) / sqrt(variance + epsilon)`, the mean left in place without `centred`.
  public static func normalised(
    _ row: [Double], centred: Bool = true, epsilon: Double
  ) -> [Double] {
    let mean = centred ? row.reduce(0, +) / Double(row.count) : 0
    let square = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
    return row.map { ($0 - mean) / (square + epsilon).squareRoot() }
  }

  /// `matrix row` for a row-major matrix of as many columns as the row has numbers.
  public static func product(_ matrix: ArraySlice<Double>, _ row: [Double]) -> [Double] {
    (0..<matrix.count / row.count).map { index in
      let start = matrix.startIndex + index * row.count
      return zip(matrix[start..<start + row.count], row).reduce(0) { $0 + $1.0 * $1.1 }
    }
  }

  /// Pairs of channels turned by `coordinate(axis) * base^(-i / pairs)`; on several axes the pairs are
  /// shared out, the first axes taking what is left.
  public static func rotated(
    _ row: [Double], coordinates: [Int], base: Double
  ) -> [Double] {
    var result = row
    let pairs = row.count / 2
    var first = 0
    for (axis, coordinate) in coordinates.enumerated() {
      let share = pairs / coordinates.count + (axis < pairs % coordinates.count ? 1 : 0)
      for index in 0..<share {
        let angle = Double(coordinate) * Double.pow(base, -Double(index) / Double(share))
        let at = 2 * (first + index)
        result[at] = row[at] * Double.cos(angle) - row[at + 1] * Double.sin(angle)
        result[at + 1] = row[at] * Double.sin(angle) + row[at + 1] * Double.cos(angle)
      }
      first += share
    }
    return result
  }
}

extension Rows {
  public init(_ rows: [[Double]]) {
    self.init(count: rows.count, width: rows.first?.count ?? 0)
    values = rows.flatMap { $0 }
  }

  /// The rows, each by itself.
  public func mapRows(_ transform: (_ row: [Double], _ index: Int) -> [Double]) -> Rows {
    Rows((0..<count).map { transform(Array(self[$0]), $0) })
  }
}
