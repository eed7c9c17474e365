// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The tiled softmax engine for any quantisation plan.
///
/// Keys, values and queries of every head are smoothed, rotated and rounded once per run; strips of
/// queries then visit blocks of keys. Products of integer codes are integer where the CPU
/// multiplies bytes; numbers of other formats are held in Float32, which multiplies them exactly.
package final class PreparedQuantisedSoftmax: PreparedAttention, @unchecked Sendable {
  private let shape: AttentionShape
  private let plan: QuantisationPlan
  private let context: ExecutionContext
  private let kernels: attn_quantised_kernels_t
  private let schedule: ScheduleMemory
  private let quantiser: Quantiser
  private let kernelPlan: UnsafeMutablePointer<attn_quantised_plan_t>
  private let packed: QuantisedHeads
  private let signs: [Float]
  private let strips: Workspace
  private let scratch: Workspace
  private let board: CountBoard
  private let keepsOperands: Bool
  private var isPacked = false
  private var operands: AttendOperands?
  private var logSumExp: Tensor<Float>?
  private var keyValueBody: WorkerPool.UnitBody?
  private var queryBody: WorkerPool.UnitBody?
  private var roundBody: WorkerPool.UnitBody?
  private var attendBody: WorkerPool.UnitBody?

  package let tiles: TileCounts?
  package let expectedCounts: EngineCounts?
  package private(set) var counts = EngineCounts()

  /// - Throws: ``EngineError/unsupportedPlan(_:)`` for masks other than the sequence's own.
  package init(_ stage: Attend, shape: AttentionShape, context: ExecutionContext)
    throws(EngineError)
  {
    guard stage.rule == .sequence, let plan = stage.quantisation else {
      throw .unsupportedPlan("quantised attention takes dense and causal masks")
    }
    self.shape = shape
    self.plan = plan
    self.context = context
    keepsOperands = stage.keepsOperands
    kernels = context.kernels.quantised
    quantiser = Quantiser(context.kernels, rounding: plan.rounding)
    let schedule = TileSchedule(stage: stage, shape: shape, tile: context.kernels.quantisedTile)
    self.schedule = ScheduleMemory(schedule)
    tiles = schedule.counts
    expectedCounts = stage.expectedCounts(schedule: schedule, shape: shape)
    packed = QuantisedHeads(plan: plan, shape: shape, kernels: kernels)
    kernelPlan = .allocate(capacity: 1)
    kernelPlan.initialize(to: plan.kernelPlan(shape: shape, keys: packed.keyForm))
    signs = plan.rotation?.signs(shape.headDim) ?? []
    let workers = context.pool.count
    strips = Workspace(bytesPerWorker: kernels.strip_bytes(kernelPlan), workers: workers)
    let most = [shape.queryLength, shape.keyLength, shape.headDim, shape.valueDim].max() ?? 1
    scratch = Workspace(bytesPerWorker: 8 * most, workers: workers)
    board = CountBoard(workers: workers)
    keyValueBody = { [unowned self] worker, unit in prepareKeyValue(worker: worker, unit: unit) }
    queryBody = { [unowned self] worker, unit in prepareQueries(worker: worker, head: unit) }
    roundBody = { [unowned self] worker, unit in roundKeys(head: unit, worker: worker) }
    attendBody = { [unowned self] worker, unit in attend(worker: worker, unit: unit) }
  }

  deinit {
    kernelPlan.deallocate()
  }

  package var workspaceBytes: Int { strips.bytes + scratch.bytes + schedule.bytes + packed.bytes }

  package func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    run(inputs, into: output, logSumExp: nil)
  }

  /// Runs, and writes the logarithm of every query's sum of exponentials
  /// `[batch, queryHeads, queryLength]`, to which the mean key that smoothing took away is added.
  package func run(
    _ inputs: AttentionInputs, into output: Tensor<Float>, logSumExp: Tensor<Float>?
  ) {
    guard case .queryKeyValue(let query, let key, let value) = inputs, let keyValueBody,
      let queryBody, let roundBody, let attendBody
    else { preconditionFailure("quantised attention takes query, key and value") }
    board.reset()
    self.logSumExp = logSumExp
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    let queryHeads = shape.batch * shape.queryHeads
    let keyValueHeads = shape.batch * shape.keyValueHeads
    if !(keepsOperands && isPacked) {
      context.pool.run(units: 2 * keyValueHeads, keyValueBody)
      context.pool.run(units: queryHeads, queryBody)
      // Means of queries have met the keys by now, which were not rounded yet.
      context.pool.run(units: keyValueHeads, roundBody)
      isPacked = true
    }
    context.pool.run(units: queryHeads * schedule.stripCount, attendBody)
    counts = board.sum
  }

  private func prepareKeyValue(worker: Int, unit: Int) {
    guard let operands else { return }
    let heads = shape.batch * shape.keyValueHeads
    if unit < heads {
      prepareKeys(
        UnsafePointer(operands.key.base + unit * shape.keyLength * shape.headDim), head: unit)
    } else {
      prepareValues(
        UnsafePointer(
          operands.value.base + (unit - heads) * shape.keyLength * shape.valueDim),
        head: unit - heads, worker: worker)
    }
  }

  private func prepareKeys(_ key: UnsafePointer<Float>, head: Int) {
    let (rows, width) = (shape.keyLength, shape.headDim)
    let target = packed.smoothKeys.base + head * rows * width
    target.update(from: key, count: rows * width)
    if plan.smoothsKeys {
      let mean = packed.keyMeans.base + head * width
      context.kernels.lowBit.channel_mean(key, width, Int32(rows), Int32(width), mean)
      subtract(mean, from: target, rows: rows, width: width)
    }
    rotate(target, rows: rows)
  }

  private func roundKeys(head: Int, worker: Int) {
    let (rows, width) = (shape.keyLength, shape.headDim)
    let source = packed.smoothKeys.base + head * rows * width
    let scales = packed.keyScales.base + head * packed.paddedKeys
    let space = scratch[worker].assumingMemoryBound(to: Float.self)
    quantiser.roundTokens(
      source, rows: rows, width: width, rule: plan.key, isQuery: false, scales: scales,
      largest: space)
    let target = packed.keys + head * packed.paddedKeys * packed.keyRowBytes
    let sums = packed.keySums + head * packed.paddedKeys
    for row in 0..<rows {
      sums[row] = kernels.pack_row(
        packed.keyForm, source + row * width, Int32(width), target + row * packed.keyRowBytes)
    }
  }

  private func prepareValues(_ value: UnsafePointer<Float>, head: Int, worker: Int) {
    let (rows, width) = (shape.keyLength, shape.valueDim)
    let target = packed.values.base + head * packed.paddedKeys * width
    target.update(from: value, count: rows * width)
    if plan.smoothsValues {
      let mean = packed.valueMeans.base + head * width
      context.kernels.lowBit.channel_mean(value, width, Int32(rows), Int32(width), mean)
      subtract(mean, from: target, rows: rows, width: width)
    }
    quantiser.roundValues(
      target, rows: rows, width: width, rule: plan.value,
      scales: packed.valueScales.base + head * width,
      scratch: scratch[worker].assumingMemoryBound(to: Float.self))
  }

  private func prepareQueries(worker: Int, head: Int) {
    guard let operands else { return }
    let (rows, width) = (shape.queryLength, shape.headDim)
    let source = operands.head(head, shape: shape).query
    let target = packed.queries.base + head * rows * width
    let scale = shape.kernelScale
    for index in 0..<rows * width { target[index] = source[index] * scale }
    let space = scratch[worker].assumingMemoryBound(to: Float.self)
    rotate(target, rows: rows)
    if let group = plan.smoothedQueries {
      smoothQueries(target, head: head, group: group, mean: space)
    }
    quantiser.roundTokens(
      target, rows: rows, width: width, rule: plan.query, isQuery: true,
      scales: packed.queryScales.base + head * rows, largest: space)
  }

  /// Subtracts the mean of every group; its products with the keys become the group's offsets.
  private func smoothQueries(
    _ queries: UnsafeMutablePointer<Float>, head: Int, group: Int,
    mean: UnsafeMutablePointer<Float>
  ) {
    let (rows, width) = (shape.queryLength, shape.headDim)
    let keyHead =
      head / shape.queryHeads * shape.keyValueHeads
      + head % shape.queryHeads / shape.headGroup
    let keys = packed.smoothKeys.base + keyHead * shape.keyLength * width
    for (index, first) in stride(from: 0, to: rows, by: group).enumerated() {
      let count = min(group, rows - first)
      let place = queries + first * width
      context.kernels.lowBit.channel_mean(place, width, Int32(count), Int32(width), mean)
      subtract(mean, from: place, rows: count, width: width)
      context.kernels.select.dot_rows(
        mean, keys, width, Int32(shape.keyLength), Int32(width),
        packed.offsets.base + (head * packed.queryGroups + index) * packed.paddedKeys)
    }
  }

  private func subtract(
    _ mean: UnsafePointer<Float>, from x: UnsafeMutablePointer<Float>, rows: Int, width: Int
  ) {
    for row in 0..<rows {
      for column in 0..<width { x[row * width + column] -= mean[column] }
    }
  }

  private func rotate(_ x: UnsafeMutablePointer<Float>, rows: Int) {
    guard plan.rotation != nil else { return }
    let width = shape.headDim
    signs.withUnsafeBufferPointer { signs in
      for row in 0..<rows {
        kernels.rotate_row(
          x + row * width, signs.baseAddress, Int32(width), Int32(Rotation.block(width)))
      }
    }
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands else { return }
    let head = unit / schedule.stripCount
    let strip = schedule.strips[schedule.stripCount - 1 - unit % schedule.stripCount]
    let at = operands.head(head, shape: shape)
    let memory = strips[worker]
    let ids = schedule.queries + strip.queries.lowerBound
    let count = Int32(strip.queries.count)
    let heads = packed.heads + at.keyValueIndex
    kernels.load(
      memory, kernelPlan, packed.queries.base + head * shape.queryLength * shape.headDim,
      shape.headDim, ids, count, packed.queryScales.base + head * shape.queryLength)
    kernels.attend(
      memory, kernelPlan, heads, packed.offsets(head: head, query: Int(ids[0])),
      schedule.runs + strip.runs.lowerBound, Int32(strip.runs.count), schedule.masks,
      board[worker])
    let sums = logSumExp.map { $0.base + head * shape.queryLength }
    kernels.store(memory, kernelPlan, heads, at.output, shape.valueDim, ids, count, sums)
    if plan.smoothsKeys, let sums {
      for row in 0..<Int(count) {
        var product: Float = 0
        let query = at.query + Int(ids[row]) * shape.headDim
        context.kernels.select.dot_rows(
          query, packed.keyMeans.base + at.keyValueIndex * shape.headDim, shape.headDim, 1,
          Int32(shape.headDim), &product)
        sums[Int(ids[row])] += product * Float(shape.softmaxScale)
      }
    }
    board.add(
      worker: worker, keyRows: schedule.keyRows(strip), queryRows: strip.queries.count, shape)
  }
}

extension QuantisationPlan {
  func kernelPlan(shape: AttentionShape, keys: attn_keys_t) -> attn_quantised_plan_t {
    var result = attn_quantised_plan_t()
    result.head_dim = Int32(shape.headDim)
    result.value_dim = Int32(shape.valueDim)
    result.keys = keys
    switch weights.format {
    case .number(let number):
      result.weights = ATTN_WEIGHTS_NUMBER
      result.weight_number = number.code
    case .micro(let micro):
      result.weights = micro == .nvfp4 ? ATTN_WEIGHTS_NVFP4 : ATTN_WEIGHTS_MXFP4
    }
    result.weight_scale = weights.scale
    result.key_block = Int32(keyBlock)
    switch sums.kind {
    case .float32: result.sum = ATTN_SUM_F32
    case .fp22: result.sum = ATTN_SUM_FP22
    case .float16: result.sum = ATTN_SUM_F16
    }
    result.sum_depth = Int32(sums.depth)
    result.two_level = sums.twoLevel ? 1 : 0
    result.quantised_denominator = quantisedDenominator ? 1 : 0
    return result
  }
}
