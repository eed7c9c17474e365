// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

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
    if case .blocks = stage.recurrence {
      scanBlocks(of: at, head: head, worker: worker)
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

  /// Blocks of tokens that see themselves and what was before, all in one call: what comes next is
  /// mapped beside the products across blocks.
  private func scanBlocks(of at: AttendOperands.Head, head: Int, worker: Int) {
    let tokens = 0..<shape.keyLength
    mapKeys(tokens, of: at, head: head, marks: marks(worker), worker: worker)
    mapQueries(tokens, of: at, head: head, marks: marks(worker), worker: worker)
    var rows = rows(layout.parts(scratch[worker]), value: at.value, output: at.output)
    place(&rows, keys: 0, count: tokens.count, of: at, head: head, worker: worker)
    place(&rows, queries: 0, count: tokens.count, of: at, head: head, worker: worker)
    scanRows(&rows, first: 0, count: tokens.count, head: head, worker: worker)
    finish(tokens, of: at, head: head, worker: worker)
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
    place(&rows, keys: key, count: pairs.count, of: at, head: head, worker: worker)
    place(&rows, queries: query, count: pairs.count, of: at, head: head, worker: worker)
    switch stage.recurrence {
    case .gates:
      scanGated(&rows, key: key, query: query, count: pairs.count, of: at, head, worker)
    case .runningSoftmax: scanShares(&rows, count: pairs.count, head: head, worker: worker)
    case .sum, .decay, .blocks:
      makeFlows(&rows, first: key, count: pairs.count, of: at, worker: worker)
      scanRows(&rows, first: 0, count: pairs.count, head: head, worker: worker)
    }
    finish(query..<query + pairs.count, of: at, head: head, worker: worker)
  }

  private func scanRows(
    _ rows: inout attn_scan_rows_t, first: Int, count: Int, head: Int, worker: Int
  ) {
    var work = attn_scan_counts_t()
    context.kernels.scan.scan(
      plans.read(head), &rows, Int32(first), Int32(count), state(worker),
      layout.parts(scratch[worker]).kernel, &work)
  }

  // MARK: - Flows

  /// Features of a chunk, and factors from what flows in and out at every token; sums run on.
  private func makeFlows(
    _ rows: inout attn_scan_rows_t, first: Int, count: Int, of at: AttendOperands.Head,
    worker: Int
  ) {
    guard var flow = causalFlow else { return }
    let parts = layout.parts(scratch[worker])
    context.kernels.features.causal_flow(
      &flow, at.query + first * shape.headDim, at.key + first * shape.headDim, shape.headDim,
      Int32(count), Int64(first), parts.vectors, parts.queries, parts.keys, layout.stride,
      parts.products, parts.products + layout.chunk)
    rows.q_step.factor = UnsafePointer(parts.products)
    rows.k_step.factor = UnsafePointer(parts.products + layout.chunk)
  }

  // MARK: - Gates per channel

  /// Inside of a piece keys rise and queries fall by the running product of the gates, so that
  /// products need none; a piece ends before that leaves the range of Float32.
  private func scanGated(
    _ rows: inout attn_scan_rows_t, key: Int, query: Int, count: Int,
    of at: AttendOperands.Head, _ head: Int, _ worker: Int
  ) {
    guard let gates else { return }
    let parts = layout.parts(scratch[worker])
    let features = Int(plans.sum(0).pointee.feature_dim)
    map(
      gates.programs, head: head, at.key + key * shape.headDim, stride: shape.headDim,
      count: count, place: key, into: parts.gates, parts: parts, sums: parts.vectors, products: nil)
    let (opening, total) = (parts.vectors, parts.vectors + layout.vector)
    var first = 0
    while first < count {
      var piece = attn_gates_t()
      piece.width = Int32(features)
      piece.root = gates.root
      // Products of 2^-43 leave Float32 room for their inverses, and for any sum of them.
      piece.least = -43
      piece.logits = UnsafePointer(parts.gates + first * layout.stride)
      piece.logit_stride = layout.stride
      (piece.q, piece.q_stride) = inputs(queryPrograms, at.query, query, parts.queries, first)
      (piece.k, piece.k_stride) = inputs(keyPrograms, at.key, key, parts.keys, first)
      piece.q_features = parts.queries + first * layout.stride
      piece.k_features = parts.keys + first * layout.stride
      piece.feature_stride = layout.stride
      let done = Int(
        context.kernels.features.gate_rows(&piece, Int32(count - first), opening, total))
      scale(state(worker), by: opening)
      scanRows(&rows, first: first, count: done, head: head, worker: worker)
      scale(state(worker), by: total)
      first += done
    }
    board[worker].pointee.exponentials += UInt64(
      count * (gateExponentials + 2 * features))
  }

  /// Where rows under gates begin: at the inputs from `token` on, or mapped.
  private func inputs(
    _ programs: RowPrograms, _ inputs: UnsafePointer<Float>, _ token: Int,
    _ mapped: UnsafeMutablePointer<Float>, _ first: Int
  ) -> (UnsafePointer<Float>, Int) {
    programs.stepCount > 0
      ? (UnsafePointer(mapped + first * layout.stride), layout.stride)
      : (inputs + (token + first) * shape.headDim, shape.headDim)
  }

  private var gateExponentials: Int {
    guard case .gates(let steps) = stage.recurrence else { return 0 }
    return steps.exponentials(inputs: shape.headDim)
  }

  // MARK: - Softmax over tokens

  private func resetRunningSoftmax(worker: Int) {
    guard stage.recurrence == .runningSoftmax else { return }
    let shares = shares(worker)
    shares.shift.update(repeating: -1e30, count: layout.vector)
    shares.limit.update(repeating: -1e30, count: layout.vector)
    shares.ones.update(repeating: 1, count: layout.vector)
  }

  /// Vectors over features: exponents of keys are relative to `shift` and stay below `limit`.
  private func shares(
    _ worker: Int
  ) -> (
    shift: UnsafeMutablePointer<Float>, limit: UnsafeMutablePointer<Float>,
    ones: UnsafeMutablePointer<Float>, factors: UnsafeMutablePointer<Float>
  ) {
    let (vectors, size) = (layout.parts(scratch[worker]).vectors, layout.vector)
    return (vectors, vectors + size, vectors + 2 * size, vectors + 3 * size)
  }

  /// Keys enter the state relative to a shift per channel that only a much larger key raises.
  ///
  /// Queries are divided by the sums of keys so far. Sums are at least 1, since a key has made the
  /// shift.
  private func scanShares(
    _ rows: inout attn_scan_rows_t, count: Int, head: Int, worker: Int
  ) {
    let features = Int(plans.sum(0).pointee.feature_dim)
    let shares = shares(worker)
    rows.k_step.kind = ATTN_SCAN_STEP_EXP
    rows.k_step.scale = UnsafePointer(shares.ones)
    rows.k_step.shift = UnsafePointer(shares.shift)
    var first = 0
    while let key = rows.k, first < count {
      let below = Int(
        context.kernels.features.rows_below(
          key + first * rows.k_stride, rows.k_stride, Int32(count - first), Int32(features),
          shares.limit))
      if below == 0 { raise(to: key + first * rows.k_stride, features: features, worker: worker) }
      scanRows(&rows, first: first, count: below, head: head, worker: worker)
      first += below
    }
    board[worker].pointee.exponentials += UInt64(count * features)
  }

  /// Raises the shift to a key where that is above it; the state keeps its meaning.
  private func raise(to key: UnsafePointer<Float>, features: Int, worker: Int) {
    let shares = shares(worker)
    let sums = state(worker) + attn_scan_normaliser_offset(plans.sum(0))
    for channel in 0..<features {
      shares.factors[channel] = 1
      guard key[channel] > shares.shift[channel] else { continue }
      let factor = Float.exp(shares.shift[channel] - key[channel])
      shares.factors[channel] = factor
      sums[channel] *= factor
      shares.shift[channel] = key[channel]
      // Sums of e^40 leave Float32 room for any number of them and for values.
      shares.limit[channel] = key[channel] + 40
    }
    scale(state(worker), by: shares.factors)
  }
}
