// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Learned gates in Double: small matrices, extrema and rotations.
enum GateReference {
  /// Matrix `index` of a stack.
  static func matrix(_ tensor: Tensor<Float>, index: Int) -> Rows {
    let (rows, columns) = (tensor.extents[1], tensor.extents[2])
    return Rows(tensor.base + index * rows * columns, rows, columns)
  }

  static func product(_ matrix: Rows, _ vector: [Double]) -> [Double] {
    (0..<matrix.count).map { BlockReference.dot(Array(matrix[$0]), vector) }
  }

  /// The largest elements of every column, then the smallest, then the means.
  static func extremaAndMean(_ rows: Rows, _ indices: [Int]) -> [Double] {
    let columns = (0..<rows.width).map { column in indices.map { rows[$0, column] } }
    return columns.map { $0.max() ?? 0 } + columns.map { $0.min() ?? 0 }
      + BlockReference.mean(rows, indices)
  }

  /// The vector as complex numbers `(c, c + half)`, turned by angles that fall with their index.
  static func rotated(_ vector: [Double], by position: Int, base: Double) -> [Double] {
    let half = vector.count / 2
    var result = vector
    for index in 0..<half {
      let angle = Double(position) / Double.pow(base, Double(index) / Double(half))
      result[index] = vector[index] * .cos(angle) - vector[index + half] * .sin(angle)
      result[index + half] = vector[index + half] * .cos(angle) + vector[index] * .sin(angle)
    }
    return result
  }
}

/// Weights of learned selections.
enum BlockSelectWeights {
  /// Independent N(0, 1 / inputs), inputs being the last axis.
  static func drawNormal(_ specifications: [WeightSpecification], _ seed: Seed) -> WeightSet {
    var weights = WeightSet()
    for specification in specifications {
      let tensor = Tensor<Float>(specification.extents)
      var generator = SplitMix64(seed: seed.child(specification.name))
      let deviation = 1 / Float(specification.extents.last ?? 1).squareRoot()
      for index in 0..<tensor.count { tensor[index] = deviation * generator.normal() }
      weights.tensors[specification.name] = tensor
    }
    return weights
  }
}
