// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The engine of the baselines without tiles: a block of queries has all its scores in memory.
///
/// A unit of work is one block of queries of one head; blocks depend on the shape alone.
final class PreparedExplicitScores: PreparedAttention, @unchecked Sendable {
  private let stage: ExplicitScores
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let unitRows: Int
  private let unitsPerHead: Int
  private let workspace: Workspace
  private let board: CountBoard
  private var operands: AttendOperands?
  private var body: WorkerPool.UnitBody?

  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  init(_ stage: ExplicitScores, shape: AttentionShape, context: ExecutionContext) {
    self.stage = stage
    self.shape = shape
    self.context = context
    let block = stage.queryBlock(shape: shape)
    // Rows of the loops share a unit only to keep the hand-out of units cheap.
    unitRows = stage.products == .loops ? min(64, shape.queryLength) : block
    unitsPerHead = (shape.queryLength + unitRows - 1) / unitRows
    workspace = Workspace(
      bytesPerWorker: 4 * (block * (shape.keyLength + 1) + 2 * shape.keyLength),
      workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    expectedCounts = stage.expectedCounts(shape: shape)
    body =
      switch stage.products {
      case .loops: { [unowned self] worker, unit in loop(worker: worker, unit: unit) }
      case .blas: { [unowned self] worker, unit in multiply(worker: worker, unit: unit) }
      }
  }

  var workspaceBytes: Int { workspace.bytes }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs, let body else {
      preconditionFailure("explicit scores take query, key and value")
    }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    if stage.products == .blas { BLASIdentity.useOneThreadPerProduct() }
    context.pool.run(units: shape.batch * shape.queryHeads * unitsPerHead, body)
    counts = board.sum
  }

  /// Head and rows of a unit; the last blocks of a causal head are the longest and come first.
  private func place(unit: Int) -> (head: Int, rows: Range<Int>) {
    let first = (unitsPerHead - 1 - unit % unitsPerHead) * unitRows
    return (unit / unitsPerHead, first..<min(first + unitRows, shape.queryLength))
  }

  private func loop(worker: Int, unit: Int) {
    guard let operands else { return }
    let (head, rows) = place(unit: unit)
    let at = operands.head(head, shape: shape)
    let loops = ScoreLoops(
      headDim: shape.headDim, valueDim: shape.valueDim, scale: Float(shape.softmaxScale))
    let scores = workspace[worker].assumingMemoryBound(to: Float.self)
    for row in rows {
      let keys = shape.visibleKeys(query: row)
      loops.attend(
        query: at.query + row * shape.headDim, key: at.key, value: at.value, keys: keys,
        scores: scores, output: at.output + row * shape.valueDim)
      count(worker: worker, exponentials: keys, rows: 1, keys: keys)
    }
  }

  private func multiply(worker: Int, unit: Int) {
    guard let operands else { return }
    let (head, rows) = place(unit: unit)
    let products = ScoreProducts(
      headDim: shape.headDim, valueDim: shape.valueDim, scale: shape.kernelScale,
      kernels: context.kernels.rows, passes: stage.passes)
    let keys = shape.visibleKeys(query: rows.upperBound - 1)
    var exponentials = 0
    products.attend(
      at: operands.head(head, shape: shape), firstQuery: rows.lowerBound, rows: rows.count,
      keys: keys, scores: workspace[worker].assumingMemoryBound(to: Float.self)
    ) { row in
      let seen = shape.visibleKeys(query: rows.lowerBound + row)
      exponentials += stage.exponentials(keys: seen)
      return seen
    }
    count(worker: worker, exponentials: exponentials, rows: rows.count, keys: keys)
  }

  private func count(worker: Int, exponentials: Int, rows: Int, keys: Int) {
    board[worker].pointee.pairs += UInt64(rows * keys)
    board[worker].pointee.exponentials += UInt64(exponentials)
    board.add(worker: worker, keyRows: keys, queryRows: rows, shape)
  }
}
