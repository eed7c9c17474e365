// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// Tables over the places of tokens, made once: queries and keys that turn alike read the same.
final class PlaceTables {
  let count: Int
  let keyLength: Int
  private let grid: Extents?
  private var rotations: [RowOperation.Rotation: Tensor<Float>] = [:]

  init(shape: AttentionShape) {
    count = max(shape.keyLength, shape.queryLength + max(shape.causalOffset, 0))
    keyLength = shape.keyLength
    grid = shape.grid
  }

  /// Cosine and sine for every pair of channels `[place, width padded]`.
  func rotation(_ rotation: RowOperation.Rotation, width: Int) -> Tensor<Float> {
    let stride = (width + 15) / 16 * 16
    if let known = rotations[rotation], known.count == count * stride { return known }
    let table = Tensor<Float>([count, stride])
    for index in 0..<table.count { table[index] = index.isMultiple(of: 2) ? 1 : 0 }
    let pairs = rotation.pairs(width: width, grid: grid)
    for place in 0..<count {
      for (pair, turn) in pairs.enumerated() {
        let angle = Double(turn.coordinate(place)) * turn.rate
        let at = place * stride + 2 * pair
        table[at] = Float(Double.cos(angle))
        table[at + 1] = Float(Double.sin(angle))
      }
    }
    rotations[rotation] = table
    return table
  }

  /// `cos` and `sin` of `pi t / 2 n`, `t = 1 ...`.
  func quarterWave() -> (Tensor<Float>, Tensor<Float>) {
    let angles = (1...count).map { Double.pi / 2 * Double($0) / Double(count) }
    return (
      Tensor([count], angles.map { Float(Double.cos($0)) }),
      Tensor([count], angles.map { Float(Double.sin($0)) })
    )
  }

  /// `t^(-sigmoid(w))` for every weight, `[weights, count]`.
  func powers(_ weights: Tensor<Float>) -> Tensor<Float> {
    let result = Tensor<Float>([weights.count, count])
    for head in 0..<weights.count {
      let exponent = Self.sigmoid(Double(weights[head]))
      for place in 0..<count {
        result[head * count + place] = Float(Double.pow(Double(place + 1), -exponent))
      }
    }
    return result
  }

  static func sigmoid(_ x: Double) -> Double { 1 / (1 + Double.exp(-x)) }
}

/// How one pair of channels turns.
private struct PairTurn {
  let rate: Double
  /// Tokens per step of the axis that turns it, and the axis' extent.
  let stride, extent: Int

  func coordinate(_ place: Int) -> Int { place / stride % extent }
}

extension RowOperation.Rotation {
  fileprivate func pairs(width: Int, grid: Extents?) -> [PairTurn] {
    let pairs = width / 2
    guard usesGrid, let grid, grid.rank > 1 else {
      return (0..<pairs).map { turn($0, of: pairs, stride: 1, extent: .max) }
    }
    var result: [PairTurn] = []
    for axis in 0..<grid.rank {
      let share = pairs / grid.rank + (axis < pairs % grid.rank ? 1 : 0)
      let stride = grid.values[(axis + 1)...].reduce(1, *)
      result += (0..<share).map {
        turn($0, of: share, stride: stride, extent: grid.values[axis])
      }
    }
    return result
  }

  private func turn(_ index: Int, of count: Int, stride: Int, extent: Int) -> PairTurn {
    PairTurn(
      rate: Double.pow(base, -Double(index) / Double(count)), stride: stride, extent: extent)
  }
}
