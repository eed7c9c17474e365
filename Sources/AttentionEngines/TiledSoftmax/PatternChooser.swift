// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// Lets every head pick one of several patterns by what they keep of a few sampled rows.
///
/// Scores come from the selection kernels, which give the same bits in every table, and sums have
/// one order: the choice is the same whatever the table and the number of workers.
final class PatternChooser: @unchecked Sendable {
  private let choice: HeadChoice
  private let shape: AttentionShape
  private let kernels: attn_select_kernels_t
  private let complete: [[Range<Int>]]
  /// Keys by candidate and sampled row.
  private let candidates: [[[Range<Int>]]]
  private let workspace: Workspace
  private let chosen: UnsafeMutablePointer<Int32>
  private var operands: (tensors: AttendOperands, board: CountBoard)?
  private var body: WorkerPool.UnitBody?

  /// Nil where `rule` leaves nothing to choose.
  init?(_ rule: MaskRule, shape: AttentionShape, context: ExecutionContext) {
    guard case .patterns(let heads) = rule, let choice = heads.choice else { return nil }
    self.choice = choice
    self.shape = shape
    kernels = context.kernels.select
    func spans(_ pattern: KeyPattern) -> [[Range<Int>]] {
      choice.queries.map { pattern.spans(of: $0, keyLength: shape.keyLength) }
    }
    complete = spans(choice.complete)
    candidates = heads.patterns.map { spans($0.keys) }
    // Weights of a row, a complete and a masked output, and a figure per candidate.
    let floats = shape.keyLength + 2 * shape.valueDim + 2 * heads.patterns.count + 2
    workspace = Workspace(bytesPerWorker: 4 * floats, workers: context.pool.count)
    chosen = .allocate(capacity: shape.batch * shape.queryHeads)
    chosen.initialize(repeating: 0, count: shape.batch * shape.queryHeads)
    body = { [unowned self] worker, head in choose(worker: worker, head: head) }
  }

  deinit {
    chosen.deallocate()
  }

  var bytes: Int { workspace.bytes + 4 * shape.batch * shape.queryHeads }

  /// Index of the pattern of every head of the batch.
  var choices: UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(start: chosen, count: shape.batch * shape.queryHeads)
  }

  var selection: Selection { Selection(rows: 1, capacity: 1, ids: Array(choices)) }

  /// Chooses for all heads; one unit of work is one head.
  func run(_ tensors: AttendOperands, pool: WorkerPool, board: CountBoard) {
    guard let body else { return }
    operands = (tensors, board)
    pool.run(units: shape.batch * shape.queryHeads, body)
  }

  private func choose(worker: Int, head: Int) {
    guard let operands else { return }
    let at = operands.tensors.head(head, shape: shape)
    let scratch = workspace[worker]
    let figures = scratch.assumingMemoryBound(to: Double.self)
    let weights = (scratch + MemoryLayout<Double>.stride * candidates.count)
      .assumingMemoryBound(to: Float.self)
    figures.update(repeating: 0, count: candidates.count)
    for row in choice.queries.indices {
      weigh(row: row, at, into: weights)
      switch choice.rule {
      case .leastError: addErrors(row: row, at, weights: weights, to: figures)
      case .firstKeeping: addShares(row: row, weights: weights, to: figures)
      }
    }
    chosen[head] = Int32(decide(figures))
    operands.board.add(
      worker: worker, elementsSorted: choice.queries.count * shape.keyLength, rowsGathered: 0)
  }

  /// The weights of a complete row, not yet divided by their sum.
  private func weigh(row: Int, _ at: AttendOperands.Head, into weights: UnsafeMutablePointer<Float>)
  {
    kernels.dot_rows(
      at.query + choice.queries[row] * shape.headDim, at.key, shape.headDim,
      Int32(shape.keyLength), Int32(shape.headDim), weights)
    var maximum = -Float.infinity
    for span in complete[row] {
      for key in span { maximum = max(maximum, weights[key]) }
    }
    let scale = shape.kernelScale
    for span in complete[row] {
      for key in span { weights[key] = Float.exp2((weights[key] - maximum) * scale) }
    }
  }

  private func sum(_ spans: [Range<Int>], _ weights: UnsafePointer<Float>) -> Double {
    var sum = 0.0
    for span in spans {
      for key in span { sum += Double(weights[key]) }
    }
    return sum
  }

  private func addShares(
    row: Int, weights: UnsafePointer<Float>, to shares: UnsafeMutablePointer<Double>
  ) {
    let all = sum(complete[row], weights)
    guard all > 0 else { return }
    for index in candidates.indices { shares[index] += sum(candidates[index][row], weights) / all }
  }

  private func addErrors(
    row: Int, _ at: AttendOperands.Head, weights: UnsafeMutablePointer<Float>,
    to errors: UnsafeMutablePointer<Double>
  ) {
    let whole = weights + shape.keyLength
    let part = whole + shape.valueDim
    average(complete[row], weights, at.value, into: whole)
    for index in candidates.indices {
      average(candidates[index][row], weights, at.value, into: part)
      for channel in 0..<shape.valueDim {
        let difference = Double(whole[channel] - part[channel])
        errors[index] += difference * difference
      }
    }
  }

  /// The weighted mean of the values of `spans`; zeros where all weights vanish.
  private func average(
    _ spans: [Range<Int>], _ weights: UnsafePointer<Float>, _ values: UnsafePointer<Float>,
    into mean: UnsafeMutablePointer<Float>
  ) {
    mean.update(repeating: 0, count: shape.valueDim)
    for span in spans {
      for key in span {
        let weight = weights[key]
        let value = values + key * shape.valueDim
        for channel in 0..<shape.valueDim { mean[channel] += weight * value[channel] }
      }
    }
    let all = sum(spans, weights)
    let share = all > 0 ? Float(1 / all) : 0
    for channel in 0..<shape.valueDim { mean[channel] *= share }
  }

  private func decide(_ figures: UnsafePointer<Double>) -> Int {
    switch choice.rule {
    case .leastError:
      var best = 0
      for index in candidates.indices where figures[index] < figures[best] { best = index }
      return best
    case .firstKeeping(let share):
      let least = share * Double(choice.queries.count)
      for index in candidates.indices where figures[index] >= least { return index }
      return candidates.count - 1
    }
  }
}
