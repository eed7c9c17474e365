// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

extension PreparedFeatureAttention {
  /// One causal head from its first token to its last.
  func scan(worker: Int, head: Int) {
    guard let operands else { return }
    let at = operands.head(head, shape: shape)
    let tokens = split.causal
    let state = state(worker)
    let marks = marks(worker)
    marks.update(repeating: 0, count: layout.vector)
    context.kernels.scan.reset(plans.sum(head), state)
    if case .blocks(let block) = stage.recurrence {
      scan(blocks: block, of: at, head: head, worker: worker)
      return
    }
    add(
      0..<tokens.prefixKeys, of: at, head: head, to: state, marks: marks, worker: worker,
      plan: head)
    at.output.update(repeating: 0, count: tokens.blindQueries * shape.valueDim)
    board.add(
      worker: worker, bytesRead: 0, bytesWritten: 4 * tokens.blindQueries * shape.valueDim)
    resetRunningSoftmax(worker: worker)
    for first in stride(from: 0, to: tokens.pairs, by: layout.chunk) {
      scanChunk(
        first..<min(first + layout.chunk, tokens.pairs), of: at, head: head, worker: worker)
    }
    let late = tokens.blindQueries + tokens.pairs
    read(
      late..<late + tokens.lateQueries, of: at, head: head, from: state, marks: marks,
      worker: worker, plan: head)
  }

  /// Blocks of tokens that see themselves and what was before.
  private func scan(blocks block: Int, of at: AttendOperands.Head, head: Int, worker: Int) {
    for first in stride(from: 0, to: shape.keyLength, by: block) {
      let tokens = first..<min(first + block, shape.keyLength)
      add(
        tokens, of: at, head: head, to: state(worker), marks: marks(worker), worker: worker,
        plan: head)
      read(
        tokens, of: at, head: head, from: state(worker), marks: marks(worker), worker: worker,
        plan: head)
    }
  }

  /// Pairs of a key and a query, key first; `pairs` counts from the first such pair.
  private func scanChunk(
    _ pairs: Range<Int>, of at: AttendOperands.Head, head: Int, worker: Int
  ) {
    let tokens = split.causal
    let parts = layout.parts(scratch[worker])
    let key = tokens.prefixKeys + pairs.lowerBound
    let query = tokens.blindQueries + pairs.lowerBound
    mapKeys(key..<key + pairs.count, of: at, head: head, marks: marks(worker), worker: worker)
    mapQueries(
      query..<query + pairs.count, of: at, head: head, marks: marks(worker), worker: worker)
    var rows = rows(
      parts, value: at.value + key * shape.valueDim,
      output: at.output + query * shape.valueDim)
    place(&rows, keys: key, count: pairs.count, of: at, head: head)
    place(&rows, queries: query, count: pairs.count, of: at, head: head)
    switch stage.recurrence {
    case .gates: scanGated(&rows, key: key, count: pairs.count, of: at, head, worker)
    case .runningSoftmax:
      normaliseByTokens(count: pairs.count, worker: worker)
      scanRows(&rows, first: 0, count: pairs.count, head: head, worker: worker)
    case .sum, .decay, .blocks:
      scanRows(&rows, first: 0, count: pairs.count, head: head, worker: worker)
    }
    finish(query..<query + pairs.count, of: at, worker: worker)
  }

  private func scanRows(
    _ rows: inout attn_scan_rows_t, first: Int, count: Int, head: Int, worker: Int
  ) {
    var work = attn_scan_counts_t()
    context.kernels.scan.scan(
      plans.read(head), &rows, Int32(first), Int32(count), state(worker),
      layout.parts(scratch[worker]).kernel, &work)
  }

  // MARK: - Gates per channel

  /// Inside of a piece keys rise and queries fall by the running product of the gates, so that the
  /// products need none; a piece ends before the product leaves the range of Float32.
  private func scanGated(
    _ rows: inout attn_scan_rows_t, key: Int, count: Int, of at: AttendOperands.Head,
    _ head: Int, _ worker: Int
  ) {
    guard let gatePrograms else { return }
    let parts = layout.parts(scratch[worker])
    let features = Int(plans.sum(0).pointee.feature_dim)
    map(
      gatePrograms, head: head, at.key + key * shape.headDim, stride: shape.headDim,
      count: count, place: key, into: parts.gates, parts: parts, sums: parts.vectors, products: nil)
    let (opening, total) = (parts.vectors, parts.vectors + layout.vector)
    var first = 0
    while first < count {
      let done = Int(
        context.kernels.features.gate_rows(
          parts.queries + first * layout.stride, parts.keys + first * layout.stride,
          layout.stride, parts.gates + first * layout.stride, layout.stride,
          Int32(count - first), Int32(features), -30, opening, total))
      scale(state(worker), by: opening)
      scanRows(&rows, first: first, count: done, head: head, worker: worker)
      scale(state(worker), by: total)
      first += done
    }
    board[worker].pointee.exponentials += UInt64(
      count * (gateExponentials + 2 * features))
  }

  private var gateExponentials: Int {
    guard case .gates(let steps) = stage.recurrence else { return 0 }
    return steps.exponentials(inputs: shape.headDim)
  }

  // MARK: - Softmax over tokens

  private func resetRunningSoftmax(worker: Int) {
    guard stage.recurrence == .runningSoftmax else { return }
    let vectors = layout.parts(scratch[worker]).vectors
    // Rows of zeros after a largest of -inf would be NaN; the first chunk replaces both.
    vectors.update(repeating: -1e30, count: layout.vector)
    (vectors + layout.vector).update(repeating: 0, count: layout.vector)
  }

  private func normaliseByTokens(count: Int, worker: Int) {
    let parts = layout.parts(scratch[worker])
    let (largest, sums) = (parts.vectors, parts.vectors + layout.vector)
    let rescale = parts.vectors + 2 * layout.vector
    let features = Int(plans.sum(0).pointee.feature_dim)
    context.kernels.features.running_softmax(
      parts.queries, parts.keys, layout.stride, Int32(count), Int32(features), largest, sums,
      rescale)
    scale(state(worker), by: rescale)
    board[worker].pointee.exponentials += UInt64(count * features)
  }
}
