// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// The values of an implicit filter, evaluated once for a length.
struct LongFilter {
  let shape: AttentionShape
  let filter: ImplicitFilter
  let weights: WeightSet

  private var channels: Int { shape.queryHeads * shape.valueDim }

  /// Hidden features `[length, width]` of every position.
  func hidden() -> [Double] {
    var features = (0..<shape.queryLength).flatMap(position)
    var width = filter.embedding
    for layer in ["filter1", "filter2", "filter3"] {
      features = sines(layer, of: features, width: width)
      width = filter.width
    }
    return features
  }

  /// Time, then real and imaginary parts of `exp(-i f w)`.
  private func position(_ index: Int) -> [Double] {
    let last = Double(max(shape.queryLength - 1, 1))
    let angle = 2 * Double.pi * Double(index) / Double(shape.queryLength)
    let bands = filter.bands
    let waves = (0..<bands).map { band in
      bands == 1
        ? 1e-4
        : 1e-4 + Double(band) * (Double(bands - 1) - 1e-4) / Double(bands - 1)
    }
    return [Double(index) / last] + waves.map { Double.cos($0 * angle) }
      + waves.map { -Double.sin($0 * angle) }
  }

  private func sines(_ layer: String, of features: [Double], width: Int) -> [Double] {
    // In Double: sines of large arguments would lose what Float32 has.
    let matrix = weights[layer].array.map(Double.init)
    let bias = weights[layer + "Bias"].array.map(Double.init)
    var result = [Double](repeating: 0, count: shape.queryLength * filter.width)
    for row in 0..<shape.queryLength {
      for unit in 0..<filter.width {
        var sum = bias[unit]
        for input in 0..<width {
          sum += matrix[unit * width + input] * features[row * width + input]
        }
        result[row * filter.width + unit] = Double.sin(filter.frequency * sum)
      }
    }
    return result
  }

  /// Writes the filter of one channel; the direct term adds to its first value.
  func write(
    channel: Int, hidden: [Double], into column: UnsafeMutablePointer<Float>, factor: Float
  ) {
    let outer = (0..<filter.width).map {
      Double(weights["filterOut"][channel * filter.width + $0])
    }
    let decay = Self.decay(channel: channel, of: channels)
    let last = Double(max(shape.queryLength - 1, 1))
    for row in 0..<shape.queryLength {
      var sum = 0.0
      for unit in 0..<filter.width { sum += outer[unit] * hidden[row * filter.width + unit] }
      let window = Double.exp(-Double(row) / last * decay)
      column[row] = Float(sum * window) * factor
    }
    column[0] += weights["direct"][channel] * factor
  }

  /// Rates from fast to slow, evenly spaced over the channels.
  private static func decay(channel: Int, of channels: Int) -> Double {
    let (slow, fast) = (Double.log(0.01) / 1.5, Double.log(0.01) / 0.3)
    let share = channels == 1 ? 0 : Double(channel) / Double(channels - 1)
    return abs(slow + share * (fast - slow))
  }
}
