// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The passes over a sequence that a statistic needs before features can be made.
final class StatisticPass: @unchecked Sendable {
  private let statistic: Statistic
  private let shape: AttentionShape
  private let kernels: attn_features_kernels_t
  private let store: StatisticStore
  private let stateHeads: Int
  private let moments: Tensor<Double>
  private let keyWeights: KeyWeights?

  /// Floats of scratch per worker.
  let scratchCount: Int

  init(
    _ statistic: Statistic, stage: FeatureAttention, shape: AttentionShape,
    store: StatisticStore, kernels: attn_features_kernels_t, keyWeights: KeyWeights?
  ) {
    self.statistic = statistic
    self.shape = shape
    self.store = store
    self.kernels = kernels
    stateHeads = stage.stateHeads(shape: shape)
    // Sums, largest elements: of query heads, then of key-value heads.
    moments = Tensor([shape.batch * (shape.queryHeads + shape.keyValueHeads), 3])
    self.keyWeights = keyWeights
    scratchCount = Int(ATTN_ROW_BLOCK) * Int(attn_row_padded(Int32(shape.headDim)))
  }

  private var queryHeads: Int { shape.batch * shape.queryHeads }
  private var keyHeads: Int { shape.batch * shape.keyValueHeads }

  /// Units of the first job, one head each; the second joins what they found.
  var units: Int {
    switch statistic {
    case .sampledKeyMaxima, .sampledKeyMean: keyHeads
    case .logNormal, .largestNorms: queryHeads + keyHeads
    case .similarityToMeanQuery, .flow: queryHeads
    }
  }

  func run(unit: Int, operands: AttendOperands, scratch: UnsafeMutablePointer<Float>) {
    switch statistic {
    case .sampledKeyMaxima, .sampledKeyMean: describe(keyHead: unit, operands)
    case .logNormal, .largestNorms: measure(unit, operands)
    case .similarityToMeanQuery:
      keyWeights?.describe(operands.head(unit, shape: shape), head: unit, scratch: scratch)
    case .flow(let epsilon):
      let flow = FlowPass(shape: shape, kernels: kernels, epsilon: Float(epsilon))
      flow.run(
        operands.head(unit, shape: shape),
        FlowPass.Rows(store.queries, head: unit), FlowPass.Rows(store.keys, head: unit))
    }
  }

  /// Joins what the heads found; one thread.
  func join() {
    guard case .logNormal(let a, let b) = statistic else { return }
    let query = deviation(0..<queryHeads, count: queryHeads * shape.queryLength * shape.headDim)
    let key = deviation(
      queryHeads..<queryHeads + keyHeads, count: keyHeads * shape.keyLength * shape.headDim)
    let both = (max(query * query * key * key - b, 0) / (2 * a)).squareRoot()
    for head in 0..<queryHeads {
      store.queries.scale(head).update(repeating: Float(both / query), count: store.queries.padded)
    }
    for head in 0..<stateHeads {
      let keyHead = head / (stateHeads / keyHeads)
      let largest = moments[3 * (queryHeads + keyHead) + 2] * both / key
      store.keys.scale(head).update(repeating: Float(both / key), count: store.keys.padded)
      store.keys.shift(head).update(repeating: Float(largest), count: store.keys.padded)
    }
  }

  private func deviation(_ heads: Range<Int>, count: Int) -> Double {
    var sum = 0.0
    var squares = 0.0
    for head in heads {
      sum += moments[3 * head]
      squares += moments[3 * head + 1]
    }
    let mean = sum / Double(count)
    let meanSquare = squares / Double(count)
    // Equal numbers have no deviation. What they are divided by then must leave Float32 room for
    // the exponent: a millionth of their size, or anything positive.
    let variance = max(meanSquare - mean * mean, 1e-12 * meanSquare)
    return max(variance.squareRoot(), 1e-20)
  }

  // MARK: - One head

  private func keys(_ keyHead: Int, _ operands: AttendOperands) -> UnsafePointer<Float> {
    operands.head(keyHead * shape.headGroup, shape: shape).key
  }

  private func describe(keyHead: Int, _ operands: AttendOperands) {
    let key = keys(keyHead, operands)
    let width = Int32(shape.headDim)
    let shift = store.keys.shift(keyHead)
    let count = min(shape.keyLength, Statistic.sampledKeys)
    let distance = shape.keyLength / count
    guard case .sampledKeyMean = statistic else {
      shift.update(repeating: -.infinity, count: shape.headDim)
      kernels.column_max(key, distance * shape.headDim, Int32(count), width, shift)
      return
    }
    shift.update(repeating: 0, count: shape.headDim)
    kernels.column_sum(key, distance * shape.headDim, Int32(count), width, nil, shift)
    let factor = -1 / Float(count)
    for channel in 0..<shape.headDim { shift[channel] *= factor }
  }

  /// Finds the largest key of every channel, of all keys.
  func findLargest(keyHead: Int, operands: AttendOperands) {
    kernels.column_max(
      keys(keyHead, operands), shape.headDim, Int32(shape.keyLength), Int32(shape.headDim),
      store.keys.shift(keyHead))
  }

  private func measure(_ unit: Int, _ operands: AttendOperands) {
    let isQuery = unit < queryHeads
    let rows =
      isQuery
      ? operands.head(unit, shape: shape).query : keys(unit - queryHeads, operands)
    let count = Int32(isQuery ? shape.queryLength : shape.keyLength)
    let width = Int32(shape.headDim)
    if case .largestNorms(let limit) = statistic {
      let norm = kernels.largest_norm(rows, shape.headDim, count, width).squareRoot()
      let scale = norm > 0 ? Float(limit) / norm : 1
      let side = isQuery ? store.queries : store.keys
      let group = isQuery ? 1 : stateHeads / keyHeads
      let first = isQuery ? unit : (unit - queryHeads) * group
      for head in first..<first + group {
        side.scale(head).update(repeating: scale, count: side.padded)
      }
      return
    }
    let sums = moments.base + 3 * unit
    sums.update(repeating: 0, count: 3)
    sums[2] = Double(kernels.moments(rows, shape.headDim, count, width, sums))
  }
}
