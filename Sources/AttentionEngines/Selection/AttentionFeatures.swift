// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Where a chooser finds one feature per block.
protocol KeyFeatures: AnyObject, Sendable {
  var heads: Int { get }
  var units: Int { get }
  var width: Int { get }
  var bytes: Int { get }
  func feature(head: Int, unit: Int) -> UnsafeMutablePointer<Float>
  func pool(
    head: Int, unit: Int, worker: Int, _ source: KeyValueSource, _ operands: AttendOperands)
}

extension FeaturePool: KeyFeatures {
  func pool(
    head: Int, unit: Int, worker: Int, _ source: KeyValueSource, _ operands: AttendOperands
  ) {
    pool(head: head, unit: unit, worker: worker, rows: source.keys(head, operands))
  }
}

/// A block's keys weighted by what its mean attention output finds similar, per query head.
///
/// Attention inside a block is causal and computed in the fixed order of scores that decide, not by
/// the tiled kernels, whose rounding differs among instruction sets.
final class AttentionFeatures: KeyFeatures, @unchecked Sendable {
  let heads: Int
  let units: Int
  let width: Int
  private let shape: AttentionShape
  private let geometry: SelectionGeometry
  private let kernels: attn_select_kernels_t
  private let values: Tensor<Float>
  /// Per worker: weights of one row, one output row, the mean output.
  private let scratch: Workspace
  private let largest: Int

  init(shape: AttentionShape, setting: SelectionSetting) {
    self.shape = shape
    geometry = setting.geometry
    kernels = setting.context.kernels.select
    heads = shape.batch * shape.queryHeads
    units = setting.geometry.blockCount
    width = shape.headDim
    largest = setting.geometry.largestBlock
    values = Tensor([heads, units, width])
    scratch = Workspace(
      bytesPerWorker: 4 * (largest + 2 * shape.valueDim), workers: setting.context.pool.count)
  }

  var bytes: Int { values.byteCount + scratch.bytes }

  func feature(head: Int, unit: Int) -> UnsafeMutablePointer<Float> {
    values.base + (head * units + unit) * width
  }

  func pool(
    head: Int, unit: Int, worker: Int, _ source: KeyValueSource, _ operands: AttendOperands
  ) {
    let block = geometry.keys(block: unit)
    let at = operands.head(head, shape: shape)
    let keys = source.keys(at.keyValueIndex, operands) + block.lowerBound * shape.headDim
    let rows = source.values(at.keyValueIndex, operands) + block.lowerBound * shape.valueDim
    let weights = scratch[worker].assumingMemoryBound(to: Float.self)
    let output = weights + largest
    let mean = output + shape.valueDim
    mean.update(repeating: 0, count: shape.valueDim)
    for offset in 0..<block.count {
      let query = at.query + (block.lowerBound + offset) * shape.headDim
      weigh(query, keys, count: offset + 1, scale: Float(shape.softmaxScale), weights)
      kernels.weigh_rows(
        weights, rows, shape.valueDim, Int32(offset + 1), Int32(shape.valueDim), output)
      for channel in 0..<shape.valueDim { mean[channel] += output[channel] }
    }
    let share = 1 / Float(block.count)
    for channel in 0..<shape.valueDim { mean[channel] *= share }
    weigh(mean, keys, count: block.count, scale: Float(shape.softmaxScale), weights)
    kernels.weigh_rows(
      weights, keys, shape.headDim, Int32(block.count), Int32(width),
      feature(head: head, unit: unit))
  }

  /// Softmax weights of `count` keys.
  private func weigh(
    _ query: UnsafePointer<Float>, _ keys: UnsafePointer<Float>, count: Int, scale: Float,
    _ weights: UnsafeMutablePointer<Float>
  ) {
    kernels.dot_rows(
      query, keys, shape.headDim, Int32(count), Int32(shape.headDim), weights)
    kernels.soften(weights, Int32(count), scale)
    var sum = Float(0)
    for index in 0..<count { sum += weights[index] }
    let share = 1 / sum
    for index in 0..<count { weights[index] *= share }
  }
}
