// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// Means of 2, 4 and 8 consecutive keys and values inside blocks, with what they add to scores.
///
/// Rows are the places of a geometry from the number of keys on.
final class KeyPyramid: @unchecked Sendable {
  private let shape: AttentionShape
  private let geometry: SelectionGeometry
  private let kernels: attn_select_kernels_t
  private let keyRows: Tensor<Float>
  private let valueRows: Tensor<Float>
  private let rows: Int
  /// The logarithm, base 2, of the keys that a mean stands for.
  let bias: Tensor<Float>

  init(shape: AttentionShape, geometry: SelectionGeometry, context: ExecutionContext) {
    self.shape = shape
    self.geometry = geometry
    kernels = context.kernels.select
    rows = (geometry.blockStarts.last ?? 0) - shape.keyLength
    let heads = shape.batch * shape.keyValueHeads
    keyRows = Tensor([heads, rows, shape.headDim])
    valueRows = Tensor([heads, rows, shape.valueDim])
    bias = Tensor([rows])
    for block in geometry.wholeBlocks..<geometry.blockCount {
      for (first, count) in members(block) {
        bias[first - shape.keyLength] = Float(Double.log2(Double(count.count)))
      }
    }
  }

  var bytes: Int { keyRows.byteCount + valueRows.byteCount + bias.byteCount }

  func keys(_ head: Int) -> UnsafePointer<Float> {
    UnsafePointer(keyRows.base + head * rows * shape.headDim)
  }

  func values(_ head: Int) -> UnsafePointer<Float> {
    UnsafePointer(valueRows.base + head * rows * shape.valueDim)
  }

  func phase(_ source: KeyValueSource, _ current: CurrentOperands) -> WorkerPool.Job {
    let coarse = geometry.blockCount - geometry.wholeBlocks
    return WorkerPool.Job(units: shape.batch * shape.keyValueHeads * coarse) { [self] _, unit in
      guard let operands = current.value else { return }
      let (head, index) = unit.quotientAndRemainder(dividingBy: coarse)
      pool(
        head: head, block: geometry.wholeBlocks + index, source.keys(head, operands),
        source.values(head, operands))
    }
  }

  private func pool(
    head: Int, block: Int, _ keys: UnsafePointer<Float>, _ values: UnsafePointer<Float>
  ) {
    let (width, valueWidth) = (shape.headDim, shape.valueDim)
    for (row, members) in members(block) {
      let place = head * rows + row - shape.keyLength
      kernels.pool_mean(
        keys + members.lowerBound * width, width, Int32(members.count), Int32(width),
        keyRows.base + place * width)
      kernels.pool_mean(
        values + members.lowerBound * valueWidth, valueWidth, Int32(members.count),
        Int32(valueWidth), valueRows.base + place * valueWidth)
    }
  }

  /// Places of a block of mean keys, each with the keys that it stands for.
  private func members(_ block: Int) -> some Sequence<(Int, Range<Int>)> {
    let level = PyramidSearch.levels[block / geometry.wholeBlocks]
    let keys = geometry.places(block: block)
    return geometry.keys(block: block).lazy.map {
      [first = geometry.keys(block: block).lowerBound] in
      let start = keys.lowerBound + ($0 - first) * level
      return ($0, start..<min(start + level, keys.upperBound))
    }
  }
}
