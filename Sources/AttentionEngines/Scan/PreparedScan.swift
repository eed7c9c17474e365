// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The scan engine: features of keys summed into a state that features of queries read.
///
/// Without causality three short jobs follow each other: states of key ranges, their sums in order,
/// reads by ranges of queries. A causal head is one unit, token by token in registers; a long one is
/// cut into pieces, see `ScanPieces`. The largest projection of random features is found on the way,
/// and outputs get what it changes once it is known; only pieces look for it ahead of everything.
final class PreparedScan: PreparedAttention, @unchecked Sendable {
  let shape: AttentionShape
  let context: ExecutionContext
  let plans: ScanKernelPlans
  private let split: ScanSplit
  private let pieces: ScanPieces?
  /// Positive random features: maxima are found on the way, and an epsilon is added at the end.
  let isExponential: Bool
  let scratch: Workspace
  /// One per piece of a head or per worker with causality, else one per key range of every
  /// key-value head.
  let states: Workspace
  /// What outputs of a causal head are owed until its largest projection is known, per worker.
  private let owed: Workspace?
  /// Largest projections of pieces of keys, by head.
  let maxima: Tensor<Float>?
  let board: CountBoard
  private var operands: AttendOperands?
  private var jobs: [WorkerPool.Job] = []

  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  /// - Requires: a decay comes with causality and as many queries as keys.
  init(_ stage: Scan, shape: AttentionShape, weights: WeightSet, context: ExecutionContext) {
    precondition(
      stage.decay == .none || shape.isCausal && shape.isSelfAttention,
      "a decay needs causal self-attention")
    self.shape = shape
    self.context = context
    let split = ScanSplit(shape: shape)
    self.split = split
    let kernels = context.kernels.scan
    plans = ScanKernelPlans(stage, shape: shape, weights: weights, kernels: kernels)
    isExponential = stage.featureMap.isExponential
    scratch = Workspace(
      bytesPerWorker: plans.scratchBytes(kernels), workers: context.pool.count)
    let queryHeads = shape.batch * shape.queryHeads
    let pieces = ScanPieces(stage, shape: shape)
    self.pieces = pieces
    states = Workspace(
      bytesPerWorker: plans.stateBytes,
      workers: split.stateCount(pieces, shape: shape, workers: context.pool.count))
    let owedBytes = stage.owedBytes(shape: shape)
    owed =
      owedBytes > 0 ? Workspace(bytesPerWorker: owedBytes, workers: context.pool.count) : nil
    maxima = isExponential ? pieces.map { Tensor([queryHeads, $0.maximumCount]) } : nil
    board = CountBoard(workers: context.pool.count)
    expectedCounts = stage.expectedCounts(shape: shape)
    jobs = makeJobs()
  }

  private func makeJobs() -> [WorkerPool.Job] {
    let queryHeads = shape.batch * shape.queryHeads
    let keyHeads = shape.batch * shape.keyValueHeads
    if let pieces { return makeJobs(pieces, heads: queryHeads) }
    if shape.isCausal {
      return [WorkerPool.Job(units: queryHeads) { [unowned self] in scan(worker: $0, head: $1) }]
    }
    return [
      WorkerPool.Job(units: keyHeads * split.keyRanges) { [unowned self] in
        sum(worker: $0, unit: $1)
      },
      WorkerPool.Job(units: keyHeads) { [unowned self] in merge(keyHead: $1) },
      WorkerPool.Job(units: queryHeads * split.queryRanges) { [unowned self] in
        read(worker: $0, unit: $1)
      },
    ]
  }

  var workspaceBytes: Int {
    scratch.bytes + states.bytes + plans.bytes + (maxima?.byteCount ?? 0) + (owed?.bytes ?? 0)
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs else {
      preconditionFailure("a scan takes query, key and value")
    }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    context.pool.run(jobs)
    counts = board.sum
  }

  // MARK: - Without causality

  /// The state of one range of keys.
  private func sum(worker: Int, unit: Int) {
    let (keyHead, range) = unit.quotientAndRemainder(dividingBy: split.keyRanges)
    guard var rows = rows(queryHead: firstQueryHead(of: keyHead)) else { return }
    let plan = plans.plan(head: 0)
    let state = state(unit)
    let keys = split.keys(range: range, shape: shape)
    var work = attn_scan_counts_t()
    rows.key_maximum = -.infinity
    context.kernels.scan.reset(plan, state)
    context.kernels.scan.accumulate(
      plan, &rows, Int32(keys.lowerBound), Int32(keys.count), state, scratch[worker], &work)
    count(work, worker: worker)
  }

  /// Adds the states of a head into the first, always in the same order.
  private func merge(keyHead: Int) {
    let plan = plans.plan(head: 0)
    let first = keyHead * split.keyRanges
    for range in 1..<max(split.keyRanges, 1) {
      context.kernels.scan.merge(plan, state(first), state(first + range))
    }
    if isExponential { context.kernels.scan.finish(plan, state(first), Int32(shape.keyLength)) }
  }

  /// The output rows of one range of queries.
  private func read(worker: Int, unit: Int) {
    let (queryHead, range) = unit.quotientAndRemainder(dividingBy: split.queryRanges)
    guard var rows = rows(queryHead: queryHead), let operands else { return }
    let keyHead = operands.head(queryHead, shape: shape).keyValueIndex
    let queries = split.queries(range: range, shape: shape)
    var work = attn_scan_counts_t()
    context.kernels.scan.output(
      plans.plan(head: 0), &rows, Int32(queries.lowerBound), Int32(queries.count),
      state(keyHead * split.keyRanges), scratch[worker], &work)
    count(work, worker: worker)
    board.add(worker: worker, bytesRead: 0, bytesWritten: 4 * queries.count * shape.valueDim)
  }

  // MARK: - Causal

  /// One head from its first token to its last.
  private func scan(worker: Int, head: Int) {
    guard var rows = rows(queryHead: head) else { return }
    let kernels = context.kernels.scan
    let plan = plans.plan(head: head)
    let tokens = split.causal
    let state = state(worker)
    let memory = scratch[worker]
    var work = attn_scan_counts_t()
    if owed != nil {
      rows.key_maximum = -.infinity
    } else if isExponential {
      rows.key_maximum = kernels.key_maximum(plan, &rows, 0, Int32(shape.keyLength), memory, &work)
    }
    kernels.reset(plan, state)
    kernels.accumulate(plan, &rows, 0, Int32(tokens.prefixKeys), state, memory, &work)
    rows.o.update(repeating: 0, count: tokens.blindQueries * shape.valueDim)
    rows.align(query: tokens.blindQueries, key: tokens.prefixKeys)
    rows.owed = owed?[worker].assumingMemoryBound(to: Float.self)
    kernels.scan(plan, &rows, 0, Int32(tokens.pairs), state, memory, &work)
    if owed != nil { settle(&rows, tokens, plan: plan, worker: worker, work: &work) }
    kernels.output(
      plan, &rows, Int32(tokens.pairs), Int32(tokens.lateQueries), state, memory, &work)
    count(work, worker: worker)
    board.add(
      worker: worker, bytesRead: 0, bytesWritten: 4 * shape.queryLength * shape.valueDim)
  }

  /// Gives outputs what they are owed, now that the largest projection of the keys seen is known, those
  /// of keys that no query sees included.
  private func settle(
    _ rows: inout attn_scan_rows_t, _ tokens: CausalTokens,
    plan: UnsafePointer<attn_scan_plan_t>, worker: Int, work: inout attn_scan_counts_t
  ) {
    let kernels = context.kernels.scan
    let state = state(worker)
    let unseen = shape.keyLength - tokens.keys
    let beyond = kernels.key_maximum(
      plan, &rows, Int32(tokens.pairs), Int32(unseen), scratch[worker], &work)
    rows.key_maximum = max(state[attn_scan_running_offset(plan)], beyond)
    kernels.settle(plan, &rows, 0, Int32(tokens.pairs), Int32(tokens.prefixKeys), state)
    rows.owed = nil
    kernels.finish(plan, state, Int32(tokens.keys))
  }

  // MARK: - Operands

  func state(_ index: Int) -> UnsafeMutablePointer<Float> {
    states[index].assumingMemoryBound(to: Float.self)
  }

  /// The first query head, over the whole batch, that reads a key-value head.
  private func firstQueryHead(of keyHead: Int) -> Int { keyHead * shape.headGroup }

  func rows(queryHead: Int) -> attn_scan_rows_t? {
    guard let head = operands?.head(queryHead, shape: shape) else { return nil }
    var rows = attn_scan_rows_t()
    rows.q = head.query
    rows.k = head.key
    rows.v = head.value
    rows.o = head.output
    rows.q_stride = shape.headDim
    rows.k_stride = shape.headDim
    rows.v_stride = shape.valueDim
    rows.o_stride = shape.valueDim
    return rows
  }

  /// Adds up what a unit did; the bytes are those of the tokens that the kernels say they read.
  func count(_ work: attn_scan_counts_t, worker: Int) {
    let keyBytes = Int(work.key_tokens) * (shape.headDim + shape.valueDim)
    let queryBytes = Int(work.query_tokens) * shape.headDim
    board[worker].pointee.exponentials += work.exponentials
    board.add(worker: worker, bytesRead: 4 * (keyBytes + queryBytes), bytesWritten: 0)
  }
}

extension Scan {
  /// Bytes per worker of what outputs are owed until the largest projection of a head is known; 0 where
  /// it is known from the start, or where there is none.
  func owedBytes(shape: AttentionShape) -> Int {
    guard shape.isCausal, featureMap.isExponential, normalizer != .none, decay == .none,
      ScanPieces(self, shape: shape) == nil
    else { return 0 }
    return MemoryLayout<Float>.stride * Int(ATTN_SCAN_OWED) * CausalTokens(shape: shape).pairs
  }
}

extension FeatureMap {
  /// Whether features are exponentials of projections.
  fileprivate var isExponential: Bool {
    if case .positiveRandom = self { true } else { false }
  }
}

extension attn_scan_rows_t {
  /// Moves row 0 of the queries and of the keys.
  mutating func align(query: Int, key: Int) {
    q += query * q_stride
    o += query * o_stride
    k += key * k_stride
    v += key * v_stride
  }
}
