// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// Lets every head pick one of several patterns by what they keep of a few sampled rows.
///
/// Scores come from the selection kernels, which give the same bits in every table, and sums have
/// one order: the choice is the same whatever the table and the number of workers. Where keys may
/// be frequent, the weights of every key are summed over the rows, for each candidate where it sees
/// frequent keys; what a candidate keeps of the keys that turn out to be frequent is known then.
final class PatternChooser: @unchecked Sendable {
  private let choice: HeadChoice
  private let shape: AttentionShape
  private let kernels: attn_select_kernels_t
  private let complete: [[Range<Int>]]
  /// Keys by candidate and sampled row.
  private let candidates: [[[Range<Int>]]]
  private let workspace: Workspace
  /// Per candidate and sampled row, where it sees frequent keys; nil where it does not.
  private let frequentSpans: [[[Range<Int>]]?]
  private let frequentKeys: PreparedFrequentKeys?
  private let chosen: UnsafeMutablePointer<Int32>
  /// Frequent keys of every head, ascending.
  private let frequent: UnsafeMutablePointer<Int32>
  private var operands: (tensors: AttendOperands, board: CountBoard)?
  private var body: WorkerPool.UnitBody?

  /// Nil where `rule` leaves nothing to choose.
  init?(
    _ rule: MaskRule, frequentKeys: PreparedFrequentKeys?, shape: AttentionShape,
    context: ExecutionContext
  ) {
    guard case .patterns(let heads) = rule, let choice = heads.choice else { return nil }
    self.choice = choice
    self.shape = shape
    kernels = context.kernels.select
    func spans(_ pattern: KeyPattern) -> [[Range<Int>]] {
      choice.queries.map { pattern.spans(of: $0, keyLength: shape.keyLength) }
    }
    complete = spans(choice.complete)
    candidates = heads.candidates.map { spans($0.keys) }
    self.frequentKeys = frequentKeys
    frequentSpans = heads.candidates.map { candidate in
      frequentKeys == nil ? nil : candidate.frequent.map { spans($0.visible) }
    }
    let columns = frequentKeys == nil ? 0 : 1 + heads.candidates.count
    // Weights of a row, a complete and a masked output, and figures in Double: one per candidate,
    // and one per key for the complete rows and each candidate.
    let floats =
      shape.keyLength + 2 * shape.valueDim + 2
      + 2 * (heads.candidates.count + columns * shape.keyLength)
    workspace = Workspace(bytesPerWorker: 4 * floats, workers: context.pool.count)
    chosen = .allocate(capacity: shape.batch * shape.queryHeads)
    chosen.initialize(repeating: 0, count: shape.batch * shape.queryHeads)
    frequent = .allocate(capacity: max(shape.batch * shape.queryHeads * choice.frequentCount, 1))
    frequent.initialize(repeating: 0, count: shape.batch * shape.queryHeads * choice.frequentCount)
    body = { [unowned self] worker, head in choose(worker: worker, head: head) }
  }

  deinit {
    chosen.deallocate()
    frequent.deallocate()
  }

  var bytes: Int {
    workspace.bytes + 4 * shape.batch * shape.queryHeads * (1 + choice.frequentCount)
  }

  /// Index of the pattern of every head of the batch.
  var choices: UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(start: chosen, count: shape.batch * shape.queryHeads)
  }

  /// The pattern of every head and, where keys may be frequent, those.
  var selection: Selection {
    let capacity = choice.frequentCount
    guard capacity > 0 else { return Selection(rows: 1, capacity: 1, ids: Array(choices)) }
    let ids = choices.indices.flatMap { head in
      [choices[head]] + [Int32](repeating: -1, count: capacity - 1)
        + UnsafeBufferPointer(start: frequent + head * capacity, count: capacity)
    }
    return Selection(rows: 2, capacity: capacity, ids: ids)
  }

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
    let columns = frequentKeys == nil ? 0 : 1 + candidates.count
    let doubles = candidates.count + columns * shape.keyLength
    let weights = (scratch + MemoryLayout<Double>.stride * doubles)
      .assumingMemoryBound(to: Float.self)
    figures.update(repeating: 0, count: doubles)
    for row in choice.queries.indices {
      weigh(row: row, at, into: weights)
      switch choice.rule {
      case .leastError: addErrors(row: row, at, weights: weights, to: figures)
      case .firstKeeping: addShares(row: row, weights: weights, to: figures)
      }
    }
    var gathered = 0
    if let frequentKeys {
      let ids = frequent + head * choice.frequentCount
      find(ids, frequentKeys, figures, weights: weights)
      chosen[head] = Int32(decide(figures))
      gathered = frequentKeys.gather(ids, head: head, pattern: Int(chosen[head]), at)
    } else {
      chosen[head] = Int32(decide(figures))
    }
    let rows = choice.queries.count + (frequentKeys == nil ? 0 : 1)
    operands.board.add(
      worker: worker, elementsSorted: rows * shape.keyLength, rowsGathered: gathered)
  }

  /// Ranks the keys by the sums of their weights; adds what candidates keep of the frequent ones.
  private func find(
    _ ids: UnsafeMutablePointer<Int32>, _ frequentKeys: PreparedFrequentKeys,
    _ figures: UnsafeMutablePointer<Double>, weights: UnsafeMutablePointer<Float>
  ) {
    let columns = figures + candidates.count
    for key in 0..<shape.keyLength { weights[key] = Float(columns[key]) }
    kernels.top(weights, Int32(shape.keyLength), Int32(choice.frequentCount), ids)
    for index in candidates.indices where frequentSpans[index] != nil {
      let seen = columns + (1 + index) * shape.keyLength
      for place in 0..<choice.frequentCount
      where frequentKeys.takes(ids[place], pattern: index) {
        figures[index] += seen[Int(ids[place])]
      }
    }
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
    guard frequentKeys != nil else { return }
    let columns = shares + candidates.count
    add(complete[row], weights, share: 1 / all, to: columns)
    for index in candidates.indices {
      guard let spans = frequentSpans[index] else { continue }
      add(spans[row], weights, share: 1 / all, to: columns + (1 + index) * shape.keyLength)
    }
  }

  private func add(
    _ spans: [Range<Int>], _ weights: UnsafePointer<Float>, share: Double,
    to columns: UnsafeMutablePointer<Double>
  ) {
    for span in spans {
      for key in span { columns[key] += share * Double(weights[key]) }
    }
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
