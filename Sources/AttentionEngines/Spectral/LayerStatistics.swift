// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// Layer norm over channels without a copy of the features: mean and factor per token, and the mean
/// normalised token.
final class LayerStatistics: @unchecked Sendable {
  private static let epsilon: Float = 1e-5

  private let shape: AttentionShape
  private let tokens: Workspace
  private let sums: Workspace
  private let means: Workspace

  /// Rows of a batch in blocks that are summed in one go; sums of blocks are joined in order.
  let rows: UnitSplit

  init(shape: AttentionShape) {
    self.shape = shape
    rows = UnitSplit(count: shape.queryLength, size: 64)
    tokens = Workspace(
      bytesPerWorker: MemoryLayout<ComplexPair>.stride * shape.queryLength, workers: shape.batch)
    sums = Workspace(bytesPerWorker: 4 * shape.channels, workers: shape.batch * rows.units)
    means = Workspace(bytesPerWorker: 4 * shape.channels, workers: shape.batch)
  }

  var bytes: Int { tokens.bytes + sums.bytes + means.bytes }

  /// Mean and factor of every token of a batch: `(x - mean) * factor` is normalised.
  func tokens(batch: Int) -> UnsafeMutablePointer<SIMD2<Float>> {
    tokens[batch].assumingMemoryBound(to: SIMD2<Float>.self)
  }

  /// The mean over tokens of the normalised features of a batch, after ``average(batch:)``.
  func context(batch: Int) -> UnsafeMutablePointer<Float> {
    means[batch].assumingMemoryBound(to: Float.self)
  }

  /// Measures one block of rows and returns how many there are.
  func measure(_ features: UnsafePointer<Float>, batch: Int, unit: Int) -> Int {
    let block = batch * rows.units + unit
    let channels = shape.channels
    let sum = sums[block].assumingMemoryBound(to: Float.self)
    sum.update(repeating: 0, count: channels)
    for row in rows[unit] {
      let token = features + row * channels
      let statistic = Self.statistic(of: token, channels: channels)
      tokens(batch: batch)[row] = statistic
      for channel in 0..<channels {
        sum[channel] += (token[channel] - statistic.x) * statistic.y
      }
    }
    return rows[unit].count
  }

  /// Joins the blocks of a batch.
  func average(batch: Int) {
    let mean = context(batch: batch)
    mean.update(repeating: 0, count: shape.channels)
    for unit in 0..<rows.units {
      let sum = sums[batch * rows.units + unit].assumingMemoryBound(to: Float.self)
      for channel in 0..<shape.channels {
        mean[channel] += sum[channel]
      }
    }
    for channel in 0..<shape.channels {
      mean[channel] /= Float(shape.queryLength)
    }
  }

  private static func statistic(
    of token: UnsafePointer<Float>, channels: Int
  ) -> SIMD2<Float> {
    var sum: Float = 0
    for channel in 0..<channels {
      sum = Relaxed.sum(sum, token[channel])
    }
    let mean = sum / Float(channels)
    var squares: Float = 0
    for channel in 0..<channels {
      let difference = token[channel] - mean
      squares = Relaxed.multiplyAdd(difference, difference, squares)
    }
    return SIMD2(mean, 1 / (squares / Float(channels) + epsilon).squareRoot())
  }
}
