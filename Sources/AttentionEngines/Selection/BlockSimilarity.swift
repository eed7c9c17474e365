// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// Tells which row units and blocks hold rows so unlike each other that a mean says little.
///
/// The measure is the mean cosine over all pairs of rows, the squared length of the mean unit
/// vector. Keys are compared after their mean over all tokens is subtracted.
final class BlockSimilarity: @unchecked Sendable {
  private let least: Float
  private let shape: AttentionShape
  private let geometry: SelectionGeometry
  private let kernels: attn_select_kernels_t
  /// `[batch * keyValueHeads, blocks]`: whether a block is kept by everyone.
  private let keys: UnsafeMutablePointer<Bool>
  /// `[batch * queryHeads, rows]`: whether a row unit keeps everything.
  private let queries: UnsafeMutablePointer<Bool>
  private let means: Tensor<Float>
  private let scratch: Workspace
  private let keyCount: Int
  private let queryCount: Int

  init(
    least: Float, shape: AttentionShape, geometry: SelectionGeometry, context: ExecutionContext
  ) {
    self.least = least
    self.shape = shape
    self.geometry = geometry
    kernels = context.kernels.select
    keyCount = shape.batch * shape.keyValueHeads * geometry.blockCount
    queryCount = shape.batch * shape.queryHeads * geometry.rowCount
    keys = .allocate(capacity: keyCount)
    keys.initialize(repeating: false, count: keyCount)
    queries = .allocate(capacity: queryCount)
    queries.initialize(repeating: false, count: queryCount)
    means = Tensor([shape.batch * shape.keyValueHeads, shape.headDim])
    scratch = Workspace(bytesPerWorker: 8 * shape.headDim, workers: context.pool.count)
  }

  deinit {
    keys.deallocate()
    queries.deallocate()
  }

  var bytes: Int { keyCount + queryCount + means.byteCount + scratch.bytes }

  func phases(_ source: KeyValueSource, _ current: CurrentOperands) -> [WorkerPool.Job] {
    let keyLength = shape.keyLength
    let headDim = shape.headDim
    return [
      WorkerPool.Job(units: shape.batch * shape.keyValueHeads) { [self] _, head in
        guard let operands = current.value else { return }
        kernels.pool_mean(
          source.keys(head, operands), headDim, Int32(keyLength), Int32(headDim),
          means.base + head * headDim)
      },
      WorkerPool.Job(units: keyCount) { [self] worker, unit in
        guard let operands = current.value else { return }
        let (head, block) = unit.quotientAndRemainder(dividingBy: geometry.blockCount)
        keys[unit] = isUnlike(
          source.keys(head, operands), geometry.keys(block: block),
          less: means.base + head * headDim, worker: worker)
      },
      WorkerPool.Job(units: queryCount) { [self] worker, unit in
        guard let operands = current.value else { return }
        let (head, row) = unit.quotientAndRemainder(dividingBy: geometry.rowCount)
        queries[unit] = isUnlike(
          operands.head(head, shape: shape).query, geometry.queries(row: row), less: nil,
          worker: worker)
      },
    ]
  }

  func keepsAll(list: Int, lists: SelectionLists, row: Int) -> Bool {
    queries[list * lists.headsPerList * geometry.rowCount + row]
  }

  func keyFlags(list: Int, lists: SelectionLists, shape: AttentionShape) -> UnsafePointer<Bool> {
    let (batch, queryHead) = (list * lists.headsPerList).quotientAndRemainder(
      dividingBy: shape.queryHeads)
    let head = batch * shape.keyValueHeads + queryHead / shape.headGroup
    return UnsafePointer(keys + head * geometry.blockCount)
  }

  /// Takes blocks that are kept anyway out of the competition.
  func hide(
    list: Int, lists: SelectionLists, shape: AttentionShape,
    _ scores: UnsafeMutablePointer<Float>, count: Int
  ) {
    let flags = keyFlags(list: list, lists: lists, shape: shape)
    for block in 0..<count where flags[block] { scores[block] = -.infinity }
  }

  private func isUnlike(
    _ rows: UnsafePointer<Float>, _ range: Range<Int>, less mean: UnsafePointer<Float>?,
    worker: Int
  ) -> Bool {
    let width = shape.headDim
    let sum = scratch[worker].assumingMemoryBound(to: Float.self)
    let row = sum + width
    sum.update(repeating: 0, count: width)
    var square = Float(0)
    for index in range {
      let source = rows + index * width
      for channel in 0..<width { row[channel] = source[channel] - (mean?[channel] ?? 0) }
      kernels.dot_rows(row, row, width, 1, Int32(width), &square)
      guard square > 0 else { continue }
      let inverse = 1 / square.squareRoot()
      for channel in 0..<width { sum[channel] += row[channel] * inverse }
    }
    kernels.dot_rows(sum, sum, width, 1, Int32(width), &square)
    return square / Float(range.count * range.count) <= least
  }
}
