// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// A weight of a feature map with the way it is drawn, so that both are stated once.
struct DrawnWeight {
  enum Draw {
    /// Independent N(0, deviation^2).
    case normal(Double)
    case constant(Double)
    /// Every matrix is the identity.
    case identity
    /// Given numbers, not random.
    case values([Double])
  }

  let name: String
  let extents: [Int]
  let layout: String
  let meaning: String
  let draw: Draw

  init(_ name: String, _ extents: [Int], _ layout: String, _ meaning: String, _ draw: Draw) {
    self.name = name
    self.extents = extents
    self.layout = layout
    self.meaning = meaning
    self.draw = draw
  }

  var specification: WeightSpecification {
    WeightSpecification(name: name, extents: extents, layout: layout, meaning: meaning)
  }

  private func tensor(_ seed: Seed) -> Tensor<Float> {
    let tensor = Tensor<Float>(extents)
    switch draw {
    case .normal(let deviation):
      var generator = SplitMix64(seed: seed.child(name))
      for index in 0..<tensor.count { tensor[index] = Float(deviation) * generator.normal() }
    case .constant(let value): tensor.elements.update(repeating: Float(value))
    case .identity:
      let (rows, columns) = (extents[extents.count - 2], extents[extents.count - 1])
      for index in 0..<tensor.count {
        tensor[index] = index / columns % rows == index % columns ? 1 : 0
      }
    case .values(let values):
      for index in 0..<tensor.count { tensor[index] = Float(values[index]) }
    }
    return tensor
  }

  static func draw(_ weights: [DrawnWeight], _ seed: Seed) -> WeightSet {
    WeightSet(
      Dictionary(uniqueKeysWithValues: weights.map { ($0.name, $0.tensor(seed)) }))
  }
}

extension Array where Element == DrawnWeight {
  var specifications: [WeightSpecification] { map(\.specification) }
}
