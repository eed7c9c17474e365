// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The tiled softmax engine on bfloat16 or INT8 operands.
///
/// Keys and values of a head are packed (or quantised) once per run, then every strip reads the
/// packed copies. Packing and query scales are part of the run, because they depend on the input.
final class PreparedLowBitSoftmax: PreparedAttention, @unchecked Sendable {
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let schedule: ScheduleMemory
  private let kernels: attn_lowbit_kernels_t
  private let plan: UnsafeMutablePointer<attn_lowbit_plan_t>
  private let rule: QuantizationRule?
  private let packed: PackedHeads
  private let scratch: Workspace
  private let board: CountBoard
  private let keepsOperands: Bool
  private var isPacked = false
  private var operands: AttendOperands?
  private var packBody: WorkerPool.UnitBody?
  private var attendBody: WorkerPool.UnitBody?

  let tiles: TileCounts?
  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  /// - Throws: ``EngineError/unsupportedPlan(_:)`` for masks other than the sequence's own.
  init(_ stage: Attend, shape: AttentionShape, context: ExecutionContext) throws(EngineError) {
    guard stage.rule == .sequence else {
      throw .unsupportedPlan("low-bit attention takes dense and causal masks")
    }
    self.shape = shape
    self.context = context
    keepsOperands = stage.keepsOperands
    kernels = context.kernels.lowBit
    if case .int8(let rule) = stage.precision { self.rule = rule } else { rule = nil }
    plan = .allocate(capacity: 1)
    plan.initialize(to: Self.kernelPlan(stage.precision, shape: shape))
    let schedule = TileSchedule(stage: stage, shape: shape, tile: context.kernels.lowBitTile)
    self.schedule = ScheduleMemory(schedule)
    tiles = schedule.counts
    expectedCounts = stage.expectedCounts(schedule: schedule, shape: shape)
    packed = PackedHeads(kernels: kernels, plan: plan, shape: shape)
    scratch = Workspace(bytesPerWorker: kernels.strip_bytes(plan), workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    packBody = { [unowned self] _, unit in pack(unit: unit) }
    attendBody = { [unowned self] worker, unit in attend(worker: worker, unit: unit) }
  }

  deinit {
    plan.deallocate()
  }

  var workspaceBytes: Int { scratch.bytes + schedule.bytes + packed.bytes }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs, let packBody, let attendBody
    else { preconditionFailure("low-bit attention takes query, key and value") }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    let keyValueHeads = shape.batch * shape.keyValueHeads
    let queryHeads = shape.batch * shape.queryHeads
    // Keys, values and query scales are separate units, so that few heads still fill the workers.
    if !(keepsOperands && isPacked) {
      context.pool.run(units: 2 * keyValueHeads + (rule == nil ? 0 : queryHeads), packBody)
      isPacked = true
    }
    context.pool.run(units: queryHeads * schedule.stripCount, attendBody)
    counts = board.sum
  }

  private func pack(unit: Int) {
    guard let operands else { return }
    let keyValueHeads = shape.batch * shape.keyValueHeads
    let keys = Int32(shape.keyLength)
    switch unit {
    case 0..<keyValueHeads:
      let key = UnsafePointer(operands.key.base + unit * shape.keyLength * shape.headDim)
      var mean: UnsafeMutablePointer<Float>?
      if let rule, rule.smoothsKeys {
        let row = packed.means + unit * shape.headDim
        kernels.channel_mean(key, shape.headDim, keys, Int32(shape.headDim), row)
        mean = row
      }
      kernels.pack_keys(
        plan, key, shape.headDim, keys, mean, Int32(rule?.keyGroup ?? 1), packed.heads + unit)
    case keyValueHeads..<2 * keyValueHeads:
      let head = unit - keyValueHeads
      let value = UnsafePointer(operands.value.base + head * shape.keyLength * shape.valueDim)
      kernels.pack_values(plan, value, shape.valueDim, keys, packed.heads + head)
    default:
      let head = unit - 2 * keyValueHeads
      let query = UnsafePointer(operands.query.base + head * shape.queryLength * shape.headDim)
      kernels.query_scales(
        query, shape.headDim, Int32(shape.queryLength), Int32(shape.headDim), shape.kernelScale,
        Int32(rule?.queryGroup ?? 1), packed.queryScales + head * shape.queryLength)
    }
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands else { return }
    let head = unit / schedule.stripCount
    let strip = schedule.strips[schedule.stripCount - 1 - unit % schedule.stripCount]
    let at = operands.head(head, shape: shape)
    let memory = scratch[worker]
    let ids = schedule.queries + strip.queries.lowerBound
    let count = Int32(strip.queries.count)
    let heads = packed.heads + at.keyValueIndex
    let scales = rule == nil ? nil : packed.queryScales + head * shape.queryLength
    kernels.load(
      memory, plan, at.query, shape.headDim, ids, count, shape.kernelScale, scales)
    kernels.attend(
      memory, plan, heads, at.value, shape.valueDim, schedule.runs + strip.runs.lowerBound,
      Int32(strip.runs.count), schedule.masks, board[worker])
    kernels.store(memory, plan, heads, at.output, shape.valueDim, ids, count, nil)
    board.add(
      worker: worker, keyRows: schedule.keyRows(strip), queryRows: strip.queries.count, shape)
  }

  static func kernelPlan(
    _ precision: AttendPrecision, shape: AttentionShape
  ) -> attn_lowbit_plan_t {
    var plan = attn_lowbit_plan_t()
    plan.head_dim = Int32(shape.headDim)
    plan.value_dim = Int32(shape.valueDim)
    plan.qk = ATTN_LOWBIT_BF16
    plan.pv = ATTN_LOWBIT_BF16
    plan.key_block = 64
    plan.weight_levels = 127
    guard case .int8(let rule) = precision else { return plan }
    plan.qk = ATTN_LOWBIT_INT8
    switch rule.valuePrecision {
    case .float32: plan.pv = ATTN_LOWBIT_F32
    case .bfloat16: plan.pv = ATTN_LOWBIT_BF16
    case .int8: plan.pv = ATTN_LOWBIT_INT8
    }
    plan.key_block = Int32(rule.keyBlock)
    plan.weight_levels = Int32(rule.weightLevels)
    plan.quantised_denominator = rule.quantisedDenominator ? 1 : 0
    return plan
  }
}
