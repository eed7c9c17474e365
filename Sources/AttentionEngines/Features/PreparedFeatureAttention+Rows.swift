// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

extension PreparedFeatureAttention {
  func state(_ index: Int) -> UnsafeMutablePointer<Float> {
    states[index].assumingMemoryBound(to: Float.self)
  }

  /// Sums of marked key features beside a state.
  func marks(_ index: Int) -> UnsafeMutablePointer<Float> {
    (states[index] + plans.stateBytes).assumingMemoryBound(to: Float.self)
  }

  /// A query head that reads a state.
  func queryHead(ofState head: Int) -> Int {
    stage.hasStatePerQueryHead(shape: shape) ? head : head * shape.headGroup
  }

  /// The state that a query head reads.
  func stateHead(of at: AttendOperands.Head, head: Int) -> Int {
    stage.hasStatePerQueryHead(shape: shape) ? head : at.keyValueIndex
  }

  /// Rows that the maps of a head begin with, `stride` floats apart.
  struct SourceRows {
    let first: UnsafePointer<Float>
    let stride: Int

    func from(_ token: Int) -> UnsafePointer<Float> { first + token * stride }
  }

  /// Rows that the maps begin with: inputs, or what the statistic made of them.
  func source(queries at: AttendOperands.Head, head: Int) -> SourceRows {
    source(store.queries, head: head, inputs: at.query)
  }

  /// The same for keys; `head` counts states.
  func source(keys at: AttendOperands.Head, head: Int) -> SourceRows {
    source(store.keys, head: head, inputs: at.key)
  }

  private func source(
    _ side: StatisticStore.Side, head: Int, inputs: UnsafePointer<Float>
  ) -> SourceRows {
    side.isMapped
      ? SourceRows(first: UnsafePointer(side.rows(head)), stride: side.padded)
      : SourceRows(first: inputs, stride: shape.headDim)
  }

  /// Whether gates or flows make rows of features out of inputs.
  var makesRows: Bool { gates != nil || causalFlow != nil }

  /// Whether features of keys are in the scratch before the first of their steps.
  private var makesKeys: Bool { makesRows || keyWeights != nil }

  /// Rows of a chunk as the scan kernels take them.
  func rows(
    _ parts: FeatureScratch.Parts, value: UnsafePointer<Float>?,
    output: UnsafeMutablePointer<Float>?
  ) -> attn_scan_rows_t {
    var rows = attn_scan_rows_t()
    rows.q = UnsafePointer(parts.queries)
    rows.k = UnsafePointer(parts.keys)
    rows.v = value
    rows.o = output
    rows.q_stride = layout.stride
    rows.k_stride = layout.stride
    rows.v_stride = shape.valueDim
    rows.o_stride = shape.valueDim
    return rows
  }

  /// Where the kernels find keys, what is left to do with them, and what comes after them.
  func place(
    _ rows: inout attn_scan_rows_t, keys first: Int, count: Int, of at: AttendOperands.Head,
    head: Int, worker: Int
  ) {
    let factors = layout.parts(scratch[worker]).products
    if leavesSteps {
      rows.k_step = keyPrograms.lastStep(head, place: first)
      if keyPrograms.rowFactors != .none { rows.k_step.factor = UnsafePointer(factors) }
    }
    let source = source(keys: at, head: head)
    rows.next_stride = source.stride
    let isInScratch = keyPrograms.stepCount > 0 || makesKeys
    // What reads keys ahead of their products has those of the next chunk fetched by these.
    if isInScratch || flowShares != nil || keyPrograms.looksAtRowsFirst {
      rows.k_next = source.from(first + count)
    }
    if !isInScratch {
      rows.k = source.from(first)
      rows.k_stride = source.stride
    }
  }

  /// The same for queries.
  func place(
    _ rows: inout attn_scan_rows_t, queries first: Int, count: Int, of at: AttendOperands.Head,
    head: Int, worker: Int
  ) {
    if leavesSteps {
      rows.q_step = queryPrograms.lastStep(head, place: first + max(shape.causalOffset, 0))
      if queryPrograms.leavesRowExponential || queryPrograms.rowFactors != .none {
        rows.q_step.factor = UnsafePointer(layout.parts(scratch[worker]).products)
      }
    }
    let source = source(queries: at, head: head)
    rows.next_stride = source.stride
    let isInScratch = queryPrograms.stepCount > 0 || makesRows
    if isInScratch || queryPrograms.looksAtRowsFirst {
      rows.q_next = source.from(first + count)
    }
    if !isInScratch {
      rows.q = source.from(first)
      rows.q_stride = source.stride
    }
  }

  /// Features of some keys of a head, in the scratch of the worker; `head` counts states.
  func mapKeys(
    _ keys: Range<Int>, of at: AttendOperands.Head, head: Int,
    marks: UnsafeMutablePointer<Float>, worker: Int
  ) {
    let parts = layout.parts(scratch[worker])
    let source = source(keys: at, head: head)
    if let flowShares {
      marks[0] += flowShares.compete(keys, head: head, conserved: marks + FlowShares.conserved)
    }
    if let keyWeights {
      marks[0] += keyWeights.weigh(keys, of: at, head: head, into: parts.keys, layout.stride)
    }
    map(
      keyPrograms, head: head, source.from(keys.lowerBound), stride: source.stride,
      count: keys.count, place: keys.lowerBound, into: parts.keys, parts: parts, sums: marks,
      products: nil)
    findFactors(keyPrograms, head: head, source, keys, into: parts.products)
    board[worker].pointee.exponentials += UInt64(
      keys.count * stage.keyMap.exponentials(inputs: shape.headDim))
    board.add(
      worker: worker, bytesRead: 4 * keys.count * (shape.headDim + shape.valueDim),
      bytesWritten: 0)
  }

  /// Features of some queries of a head; products with marked sums, or what exponentials of rows are
  /// relative to, go to the scratch too.
  func mapQueries(
    _ queries: Range<Int>, of at: AttendOperands.Head, head: Int,
    marks: UnsafeMutablePointer<Float>, worker: Int
  ) {
    let parts = layout.parts(scratch[worker])
    let source = source(queries: at, head: head)
    map(
      queryPrograms, head: head, source.from(queries.lowerBound), stride: source.stride,
      count: queries.count, place: queries.lowerBound + max(shape.causalOffset, 0),
      into: parts.queries, parts: parts, sums: marks, products: parts.products)
    findFactors(queryPrograms, head: head, source, queries, into: parts.products)
    board[worker].pointee.exponentials += UInt64(
      queries.count * stage.queryMap.exponentials(inputs: shape.headDim))
    board.add(worker: worker, bytesRead: 4 * queries.count * shape.headDim, bytesWritten: 0)
  }

  /// What the products must know of whole rows that they take as they come.
  private func findFactors(
    _ programs: RowPrograms, head: Int, _ source: SourceRows, _ tokens: Range<Int>,
    into factors: UnsafeMutablePointer<Float>
  ) {
    guard programs.looksAtRowsFirst else { return }
    context.kernels.features.row_factors(
      programs.steps(head), source.from(tokens.lowerBound), source.stride, Int32(tokens.count),
      factors)
    // With the scale inside of the factor there is nothing else to do, for which there are kernels.
    let scale = programs.rowFactorScale(head)
    if scale != 1 { for row in 0..<tokens.count { factors[row] *= scale } }
  }

  func map(
    _ programs: RowPrograms, head: Int, _ rows: UnsafePointer<Float>, stride rowStride: Int,
    count: Int, place: Int, into features: UnsafeMutablePointer<Float>, parts: FeatureScratch.Parts,
    sums: UnsafeMutablePointer<Float>, products: UnsafeMutablePointer<Float>?
  ) {
    guard programs.stepCount > 0 else { return }
    var between = attn_row_scratch_t()
    between.first = parts.first
    between.second = parts.second
    between.stride = layout.stride
    between.sums = sums
    for first in stride(from: 0, to: count, by: Int(ATTN_ROW_BLOCK)) {
      between.products = products.map { $0 + first }
      if programs.rowFactors == .ofMap { between.factors = parts.products + first }
      context.kernels.features.apply(
        programs.steps(head), Int32(programs.stepCount), rows + first * rowStride,
        rowStride, Int32(min(Int(ATTN_ROW_BLOCK), count - first)), Int64(place + first),
        features + first * layout.stride, layout.stride, &between)
    }
  }

  /// Multiplies the rows of a state, and not its sums.
  func scale(_ state: UnsafeMutablePointer<Float>, by factors: UnsafePointer<Float>) {
    let plan = plans.sum(0).pointee
    context.kernels.features.scale_rows(
      state, Int(attn_scan_stride(plan.value_dim)), plan.feature_dim, plan.value_dim, factors)
  }
}

/// What the scan kernels are told, one plan per decay: to sum keys and to read.
final class FeatureKernelPlans: @unchecked Sendable {
  private let plans: UnsafeMutablePointer<attn_scan_plan_t>
  private let count: Int

  /// Plans for rows of features `stride` floats apart; nil if a step is left to the kernels.
  ///
  /// They sum marked features if the turn is left to them, and divide by sums of queries if their
  /// softmax is. Outputs that are not divided by sums are multiplied by `outputScale`.
  init(
    _ stage: FeatureAttention, shape: AttentionShape, weights: WeightSet, stride: Int?,
    sumsMarked: Bool, sumsQueries: Bool, outputScale: Float
  ) {
    var plan = attn_scan_plan_t()
    plan.map = stride == nil ? ATTN_SCAN_STEP : ATTN_SCAN_READY
    plan.feature_dim = Int32(stage.featureDim(shape: shape))
    plan.input_dim = Int32(shape.headDim)
    plan.ready_stride = Int32(stride ?? 0)
    plan.value_dim = Int32(shape.valueDim)
    plan.output_scale = outputScale
    plan.decay = 1
    // Where the caller hands over chunks of one token, so do the kernels.
    plan.chunk_length = stage.chunkLength < 32 ? Int32(stage.chunkLength) : 0
    if case .sum(let epsilon) = stage.normalizer {
      plan.normalised = 1
      plan.denominator_eps = Float(epsilon)
    }
    if case .flow(let epsilon) = stage.statistic, !shape.isCausal {
      // The products of queries with what flows into them are those with a normaliser.
      plan.normalised = 1
      plan.allocates = 1
      plan.denominator_eps = Float(epsilon)
    }
    if let epsilon = stage.markEpsilon, sumsMarked {
      plan.normalised = 1
      plan.denominator_eps = Float(epsilon)
    }
    if case .blocks(let length) = stage.recurrence {
      plan.block_length = Int32(min(length, shape.keyLength))
    }
    plan.sums_values = stage.sumsValues ? 1 : 0
    plan.shares = stage.recurrence == .runningSoftmax ? 1 : 0
    var sum = plan
    if case .keySums = stage.normalizer {
      sum.normalised = 1
      // Its sums of keys are 1 once rows of the state have been divided by them.
      plan.normalised = sumsQueries ? 1 : 0
    }
    count = stage.recurrence == .decay ? shape.queryHeads : 1
    plans = .allocate(capacity: 2 * count)
    plans.initialize(repeating: plan, count: count)
    (plans + count).initialize(repeating: sum, count: count)
    guard stage.recurrence == .decay else { return }
    let slopes = weights["slopes"]
    for head in 0..<count {
      let decay = Double.exp(-Double(slopes[head]))
      plans[head].decay = decay
      plans[count + head].decay = decay
    }
  }

  deinit {
    plans.deallocate()
  }

  /// The plan that reads states, of a query head counted over the whole batch.
  func read(_ head: Int) -> UnsafePointer<attn_scan_plan_t> {
    UnsafePointer(plans + head % count)
  }

  /// The plan that sums keys into states.
  func sum(_ head: Int) -> UnsafePointer<attn_scan_plan_t> {
    UnsafePointer(plans + count + head % count)
  }

  /// Bytes of kernel scratch that serve every plan [byte].
  func scratchBytes(_ kernels: attn_scan_kernels_t) -> Int {
    (0..<count).map { Int(kernels.scratch_bytes(plans + $0)) }.max() ?? 0
  }

  /// Bytes of one state [byte], a multiple of a cache line.
  var stateBytes: Int {
    (attn_scan_state_floats(plans) * MemoryLayout<Float>.stride + 63) & ~63
  }
}
