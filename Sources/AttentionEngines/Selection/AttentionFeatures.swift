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
    head: Int, units: Range<Int>, worker: Int, _ source: KeyValueSource,
    _ operands: AttendOperands)
}

extension FeaturePool: KeyFeatures {
  func pool(
    head: Int, units: Range<Int>, worker: Int, _ source: KeyValueSource,
    _ operands: AttendOperands
  ) {
    pool(head: head, units: units, worker: worker, rows: source.keys(head, operands))
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
  /// Per worker: weights of a batch of rows, their sums by key, the mean output.
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
      bytesPerWorker: 4 * ((ScoreBatch.rows + 1) * largest + shape.valueDim),
      workers: setting.context.pool.count)
  }

  var bytes: Int { values.byteCount + scratch.bytes }

  func feature(head: Int, unit: Int) -> UnsafeMutablePointer<Float> {
    values.base + (head * units + unit) * width
  }

  func pool(
    head: Int, units: Range<Int>, worker: Int, _ source: KeyValueSource,
    _ operands: AttendOperands
  ) {
    for unit in units { pool(head: head, unit: unit, worker: worker, source, operands) }
  }

  private func pool(
    head: Int, unit: Int, worker: Int, _ source: KeyValueSource, _ operands: AttendOperands
  ) {
    let block = geometry.keys(block: unit)
    let at = operands.head(head, shape: shape)
    let keys = source.keys(at.keyValueIndex, operands) + block.lowerBound * shape.headDim
    let rows = source.values(at.keyValueIndex, operands) + block.lowerBound * shape.valueDim
    let weights = scratch[worker].assumingMemoryBound(to: Float.self)
    let sums = weights + ScoreBatch.rows * largest
    let mean = sums + largest
    sums.update(repeating: 0, count: block.count)
    // The mean output weighs every value by the sum of its weights: no output row is needed.
    for first in stride(from: 0, to: block.count, by: ScoreBatch.rows) {
      let rows = min(ScoreBatch.rows, block.count - first)
      kernels.dot_block(
        at.query + (block.lowerBound + first) * width, width, Int32(rows), keys, width,
        Int32(first + rows), Int32(width), weights, largest)
      for row in 0..<rows {
        add(weights + row * largest, count: first + row + 1, to: sums)
      }
    }
    let share = 1 / Float(block.count)
    for key in 0..<block.count { sums[key] *= share }
    kernels.weigh_rows(
      sums, rows, shape.valueDim, Int32(block.count), Int32(shape.valueDim), mean)
    kernels.dot_rows(mean, keys, width, Int32(block.count), Int32(width), weights)
    sums.update(repeating: 0, count: block.count)
    add(weights, count: block.count, to: sums)
    kernels.weigh_rows(
      sums, keys, width, Int32(block.count), Int32(width), feature(head: head, unit: unit))
  }

  /// Adds the softmax weights of `count` scores, which are overwritten.
  private func add(
    _ scores: UnsafeMutablePointer<Float>, count: Int, to sums: UnsafeMutablePointer<Float>
  ) {
    let share = 1 / kernels.soften(scores, Int32(count), Float(shape.softmaxScale))
    for key in 0..<count { sums[key] += scores[key] * share }
  }
}
