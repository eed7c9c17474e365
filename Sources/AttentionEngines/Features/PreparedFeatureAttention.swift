// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The engine of feature maps made of steps: rows are mapped into cache, block by block, and the scan
/// kernels multiply what they find there.
///
/// Without causality: statistics, states of key ranges, their sums in order, reads by ranges of
/// queries. A causal head is one unit from its first token to its last.
final class PreparedFeatureAttention: PreparedAttention, @unchecked Sendable {
  let stage: FeatureAttention
  let shape: AttentionShape
  let context: ExecutionContext
  let split: ScanSplit
  let queryPrograms, keyPrograms: RowPrograms
  let gates: GateMap?
  /// The flow of causal rows, whose features and factors are made together.
  let causalFlow: attn_flow_t?
  /// Whether the products do the last steps of the maps on the way.
  let leavesSteps: Bool
  let plans: FeatureKernelPlans
  let layout: FeatureScratch
  let local: LocalTerm?
  let flowShares: FlowShares?
  let keyWeights: KeyWeights?
  let scratch, states: Workspace
  let board: CountBoard
  let store: StatisticStore
  let statistic: StatisticPass?
  private(set) var operands: AttendOperands?
  private var jobs: [WorkerPool.Job] = []

  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  init(
    _ stage: FeatureAttention, shape: AttentionShape, weights: WeightSet,
    context: ExecutionContext
  ) {
    self.stage = stage
    self.shape = shape
    self.context = context
    split = ScanSplit(shape: shape)
    let store = StatisticStore(stage, shape: shape)
    self.store = store
    let places = PlaceTables(shape: shape)
    let (queryHeads, keyHeads) = (shape.queryHeads, shape.keyValueHeads)
    let stateHeads = stage.stateHeads(shape: shape)
    let perKeyHead = stateHeads / (shape.batch * keyHeads)
    queryPrograms = RowPrograms(
      store.rest(ofQueries: stage.queryMap), inputs: shape.headDim, heads: shape.batch * queryHeads,
      weightHead: { $0 % queryHeads }, places: places, statistics: store.queries,
      weights: weights, markEpsilon: stage.markEpsilon)
    keyPrograms = RowPrograms(
      store.rest(ofKeys: stage.keyMap), inputs: shape.headDim, heads: stateHeads,
      weightHead: { $0 / perKeyHead % keyHeads }, places: places, statistics: store.keys,
      weights: weights)
    if case .gates(let steps) = stage.recurrence {
      gates = GateMap(steps, inputs: shape.headDim) { logits in
        RowPrograms(
          logits, inputs: shape.headDim, heads: stateHeads,
          weightHead: { $0 / perKeyHead % keyHeads }, places: places, statistics: nil,
          weights: weights)
      }
    } else {
      gates = nil
    }
    causalFlow = stage.causalFlow(shape: shape).map {
      attn_flow_t(width: Int32(shape.headDim), eps: Float($0))
    }
    let stride = FeatureScratch.stride(
      [queryPrograms, keyPrograms] + [gates?.programs].compactMap { $0 })
    leavesSteps = Self.leaveSteps(
      stage, queryPrograms, keyPrograms, areMapped: store.queries.isMapped,
      areMade: causalFlow != nil, isCausal: shape.isCausal)
    precondition(
      !store.weighsKeys || leavesSteps && keyPrograms.stepCount == 0,
      "keys that are weighed are turned and multiplied beside the products")
    plans = FeatureKernelPlans(
      stage, shape: shape, weights: weights, stride: leavesSteps ? nil : stride,
      sumsMarked: keyPrograms.leavesTurn, sumsQueries: queryPrograms.leavesRowExponential,
      outputScale: gates == nil ? 1 : queryPrograms.leftFactor * keyPrograms.leftFactor)
    keyWeights =
      store.weighsKeys
      ? KeyWeights(shape: shape, store: store, kernels: context.kernels.features) : nil
    if let statistic = stage.statistic, causalFlow == nil {
      self.statistic = StatisticPass(
        statistic, stage: stage, shape: shape, store: store, kernels: context.kernels.features,
        keyWeights: keyWeights)
    } else {
      statistic = nil
    }
    layout = FeatureScratch(
      stage, shape: shape, stride: stride,
      maps: queryPrograms.stepCount + keyPrograms.stepCount > 0 || gates != nil
        || causalFlow != nil || store.weighsKeys,
      kernelBytes: plans.scratchBytes(context.kernels.scan),
      statistic: statistic?.scratchCount ?? 0)
    local = stage.local.map {
      LocalTerm($0, shape: shape, weights: weights, kernels: context.kernels.features)
    }
    flowShares =
      if case .flow(let epsilon) = stage.statistic, !shape.isCausal {
        FlowShares(
          shape: shape, store: store, kernels: context.kernels.features, epsilon: Float(epsilon))
      } else {
        nil
      }
    scratch = Workspace(bytesPerWorker: layout.bytes, workers: context.pool.count)
    states = Workspace(
      bytesPerWorker: plans.stateBytes + 4 * layout.marks,
      workers: shape.isCausal ? context.pool.count : stateHeads * split.keyRanges)
    board = CountBoard(workers: context.pool.count)
    expectedCounts = stage.expectedCounts(shape: shape)
    jobs = makeJobs(stateHeads: stateHeads)
  }

  /// Leaves last steps to the products if that hides exponentials or turns of either side, or if
  /// nothing else is left to do with rows that are mapped.
  ///
  /// Running softmaxes are steps of the products themselves, and take factors along. Gates leave rows
  /// that are ready, flows that `areMade` on the way rows with factors.
  private static func leaveSteps(
    _ stage: FeatureAttention, _ queries: RowPrograms, _ keys: RowPrograms, areMapped: Bool,
    areMade: Bool, isCausal: Bool
  ) -> Bool {
    switch stage.recurrence {
    case .gates:
      queries.leaveFactor()
      keys.leaveFactor()
      return false
    case .runningSoftmax:
      _ = queries.leaveLastSteps(sumsTurned: true)
      keys.leaveFactor { $0 == 1 }
      return true
    case .blocks:
      _ = [queries, keys].map { $0.leaveLastSteps(sumsTurned: false) }
      precondition(
        queries.stepCount + keys.stepCount == 0,
        "blocks map in one step and a turn, beside the products")
      return true
    case .sum, .decay: break
    }
    if areMade {
      queries.leaveFactor()
      keys.leaveFactor()
      return true
    }
    let sumsTurned =
      switch stage.normalizer {
      case .sum, .keySums: true
      case .none, .marked, .means: false
      }
    let gains =
      [queries, keys].map { side in
        !isCausal && side.leaveRowFactors() || side.leaveLastSteps(sumsTurned: sumsTurned)
      } + [
        queries.leaveRowExponential(divided: stage.normalizer == .keySums)
      ]
    let isAll = (areMapped || stage.normalizer == .means) && queries.stepCount + keys.stepCount == 0
    let marksApart = stage.markEpsilon != nil && queries.leavesTurn != keys.leavesTurn
    guard gains.contains(true) || isAll, !marksApart else {
      queries.keepLastSteps()
      keys.keepLastSteps()
      return false
    }
    return true
  }

  var workspaceBytes: Int {
    scratch.bytes + states.bytes + store.bytes + queryPrograms.bytes + keyPrograms.bytes
      + (gates?.programs.bytes ?? 0) + (local?.bytes ?? 0)
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs else {
      preconditionFailure("linear attention takes query, key and value")
    }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    context.pool.run(jobs)
    countStatistics()
    counts = board.sum
  }

  private func makeJobs(stateHeads: Int) -> [WorkerPool.Job] {
    var jobs: [WorkerPool.Job] = []
    let queryHeads = shape.batch * shape.queryHeads
    if let statistic {
      jobs.append(
        WorkerPool.Job(units: statistic.units) { [unowned self] worker, unit in
          guard let operands else { return }
          statistic.run(
            unit: unit, operands: operands, scratch: layout.parts(scratch[worker]).floats)
        })
      jobs.append(WorkerPool.Job(units: 1) { _, _ in statistic.join() })
    }
    if shape.isCausal {
      return jobs + [
        WorkerPool.Job(units: queryHeads) { [unowned self] in scan(worker: $0, head: $1) }
      ]
    }
    return jobs + [
      WorkerPool.Job(units: stateHeads * split.keyRanges) { [unowned self] in
        sum(worker: $0, unit: $1)
      },
      WorkerPool.Job(units: stateHeads) { [unowned self] in merge(worker: $0, head: $1) },
      WorkerPool.Job(units: queryHeads * split.queryRanges) { [unowned self] in
        read(worker: $0, unit: $1)
      },
    ]
  }

  /// Adds keys to a state.
  func add(
    _ keys: Range<Int>, of at: AttendOperands.Head, head: Int,
    to state: UnsafeMutablePointer<Float>, marks: UnsafeMutablePointer<Float>, worker: Int,
    plan: Int
  ) {
    let parts = layout.parts(scratch[worker])
    for first in stride(from: keys.lowerBound, to: keys.upperBound, by: layout.chunk) {
      let count = min(layout.chunk, keys.upperBound - first)
      mapKeys(first..<first + count, of: at, head: head, marks: marks, worker: worker)
      var rows = rows(parts, value: at.value + first * shape.valueDim, output: nil)
      place(&rows, keys: first, count: count, of: at, head: head, worker: worker)
      var work = attn_scan_counts_t()
      context.kernels.scan.accumulate(
        plans.sum(plan), &rows, 0, Int32(count), state, parts.kernel, &work)
    }
  }

  /// Writes output rows from a finished state.
  func read(
    _ queries: Range<Int>, of at: AttendOperands.Head, head: Int,
    from state: UnsafeMutablePointer<Float>, marks: UnsafeMutablePointer<Float>, worker: Int,
    plan: Int
  ) {
    let parts = layout.parts(scratch[worker])
    for first in stride(from: queries.lowerBound, to: queries.upperBound, by: layout.chunk) {
      let count = min(layout.chunk, queries.upperBound - first)
      mapQueries(first..<first + count, of: at, head: head, marks: marks, worker: worker)
      let output = at.output + first * shape.valueDim
      var rows = rows(parts, value: nil, output: output)
      if local != nil { rows.v_next = at.value + first * shape.valueDim }
      place(&rows, queries: first, count: count, of: at, head: head, worker: worker)
      var work = attn_scan_counts_t()
      context.kernels.scan.output(
        plans.read(plan), &rows, 0, Int32(count), state, parts.kernel, &work)
      if let epsilon = stage.markEpsilon, !queryPrograms.dividesMarked, !queryPrograms.leavesTurn {
        context.kernels.features.divide_rows(
          output, shape.valueDim, Int32(count), Int32(shape.valueDim), parts.products,
          Float(epsilon))
      }
      finish(first..<first + count, of: at, head: head, worker: worker)
    }
  }

  /// What follows on output rows: the norm, the convolution, the count.
  func finish(_ queries: Range<Int>, of at: AttendOperands.Head, head: Int, worker: Int) {
    if let norm = stage.outputNorm {
      context.kernels.features.normalise_rows(
        at.output + queries.lowerBound * shape.valueDim, shape.valueDim, Int32(queries.count),
        Int32(shape.valueDim), norm.isCentred ? 1 : 0, Float(norm.epsilon))
    }
    let mean =
      stage.normalizer == .means
      ? UnsafePointer(meanValue(stateHead(of: at, head: head))) : nil
    if let local {
      local.add(
        keyHead: at.keyValueIndex, value: at.value, tokens: queries, bias: mean, to: at.output)
      board.add(
        worker: worker, bytesRead: 4 * queries.count * shape.valueDim, bytesWritten: 0)
    } else if let mean {
      for query in queries {
        let row = at.output + query * shape.valueDim
        for channel in 0..<shape.valueDim { row[channel] += mean[channel] }
      }
    }
    board.add(
      worker: worker, bytesRead: 0, bytesWritten: 4 * queries.count * shape.valueDim)
  }

  /// What statistics and derived kernels did: they have no unit of their own to count in.
  private func countStatistics() {
    var exponentials = 0
    var bytes = 0
    if let passes = stage.statistic?.work(shape: shape) {
      exponentials += passes.exponentials
      bytes += 4 * passes.rows * shape.headDim
    }
    if let local, local.readsValues {
      let heads = shape.batch * shape.keyValueHeads
      exponentials += heads * local.stage.exponentials(shape: shape)
    }
    board[0].pointee.exponentials += UInt64(exponentials)
    board.add(worker: 0, bytesRead: bytes, bytesWritten: 0)
  }
}

extension FeatureAttention {
  /// Whether a state has the sum of its values beside it.
  var sumsValues: Bool {
    if case .fromMeanValue = local?.kernel { return true }
    return normalizer == .means
  }

  var markEpsilon: Double? {
    if case .marked(let epsilon) = normalizer { epsilon } else { nil }
  }
}
