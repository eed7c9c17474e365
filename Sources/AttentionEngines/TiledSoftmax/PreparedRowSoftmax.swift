// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Softmax attention row by row, for score modifiers that the kernels of strips do not know.
///
/// All scores of a query are held, modified and turned into weights at once. Products come from the
/// selection kernels, so that a row reads its keys twice and reuses none between rows: far from the
/// speed of tiles, exact for any modifier. A unit of work is a few rows of one head.
final class PreparedRowSoftmax: PreparedAttention, @unchecked Sendable {
  private static let rowsPerUnit = 16

  private let stage: Attend
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let spans: [RowSpans]
  private let modifiers: [RowModifier]
  private let ofHead: [Int]
  private let workspace: Workspace
  private let board: CountBoard
  private var operands: AttendOperands?
  private var body: WorkerPool.UnitBody?

  private(set) var counts = EngineCounts()

  init(_ stage: Attend, shape: AttentionShape, weights: WeightSet, context: ExecutionContext) {
    self.stage = stage
    self.shape = shape
    self.context = context
    if case .patterns(let heads) = stage.rule {
      spans = heads.patterns.map { RowSpans($0.keys, shape: shape) }
      modifiers = heads.patterns.map {
        RowModifier($0.bias, cap: stage.scoreCap, shape: shape, weights: weights)
      }
      ofHead = heads.ofHead
    } else {
      spans = [RowSpans(.sequence(shape), shape: shape)]
      modifiers = [RowModifier(.none, cap: stage.scoreCap, shape: shape, weights: weights)]
      ofHead = [Int](repeating: 0, count: shape.queryHeads)
    }
    let terms = modifiers.reduce(0) { max($0, $1.termCount) }
    let floats = shape.keyLength + SoftCap.lanes + shape.valueDim + terms
    workspace = Workspace(bytesPerWorker: 4 * floats, workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    body = { [unowned self] worker, unit in attend(worker: worker, unit: unit) }
  }

  var workspaceBytes: Int { workspace.bytes + spans.reduce(0) { $0 + $1.bytes } }
  var expectedCounts: EngineCounts? { stage.expectedRowCounts(shape: shape) }

  private var unitsPerHead: Int {
    (shape.queryLength + Self.rowsPerUnit - 1) / Self.rowsPerUnit
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs, let body else {
      preconditionFailure("softmax attention takes query, key and value")
    }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    context.pool.run(units: shape.batch * shape.queryHeads * unitsPerHead, body)
    counts = board.sum
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands else { return }
    let (head, part) = unit.quotientAndRemainder(dividingBy: unitsPerHead)
    let at = operands.head(head, shape: shape)
    let end = min((part + 1) * Self.rowsPerUnit, shape.queryLength)
    for query in part * Self.rowsPerUnit..<end {
      attend(query, head: head % shape.queryHeads, at, worker: worker)
    }
  }

  private func attend(_ query: Int, head: Int, _ at: AttendOperands.Head, worker: Int) {
    let pattern = ofHead[head]
    let row = spans[pattern][query]
    let scores = workspace[worker].assumingMemoryBound(to: Float.self)
    let part = scores + shape.keyLength + SoftCap.lanes
    let output = at.output + query * shape.valueDim
    let count = score(row, of: at.query + query * shape.headDim, keys: at.key, into: scores)
    note(pairs: count, worker: worker)
    output.update(repeating: 0, count: shape.valueDim)
    guard count > 0 else { return }
    modifiers[pattern].apply(
      scores, count: count, row: row, query: query, head: head,
      features: at.query + query * shape.headDim, terms: part + shape.valueDim,
      kernels: context.kernels.select)
    let share = 1 / context.kernels.rows.exponentiate(scores, Int64(count))
    var weights = scores
    for span in row {
      context.kernels.select.weigh_rows(
        weights, at.value + Int(span.first) * shape.valueDim, shape.valueDim, span.count,
        Int32(shape.valueDim), part)
      for channel in 0..<shape.valueDim { output[channel] += part[channel] }
      weights += Int(span.count)
    }
    for channel in 0..<shape.valueDim { output[channel] *= share }
  }

  /// Products of a query with its keys, one after the other; returns their number.
  private func score(
    _ row: UnsafeBufferPointer<RowSpans.Span>, of query: UnsafePointer<Float>,
    keys: UnsafePointer<Float>, into scores: UnsafeMutablePointer<Float>
  ) -> Int {
    var count = 0
    for span in row {
      context.kernels.select.dot_rows(
        query, keys + Int(span.first) * shape.headDim, shape.headDim, span.count,
        Int32(shape.headDim), scores + count)
      count += Int(span.count)
    }
    return count
  }

  private func note(pairs: Int, worker: Int) {
    board[worker].pointee.pairs += UInt64(pairs)
    board[worker].pointee.exponentials += UInt64(stage.scoreCap == nil ? pairs : 2 * pairs)
    board.add(worker: worker, keyRows: pairs, queryRows: 1, shape)
  }
}
