// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// INT8 codes of keys and scales of queries for attention to selected blocks.
///
/// The kernels and quantisers are those of dense INT8 attention; only the runs differ.
final class PackedScores: @unchecked Sendable {
  private let shape: AttentionShape
  private let rule: QuantizationRule
  private let kernels: attn_lowbit_kernels_t
  private let plan: UnsafeMutablePointer<attn_lowbit_plan_t>
  private let packed: PackedHeads
  private let current: CurrentOperands

  init(rule: QuantizationRule, shape: AttentionShape, setting: SelectionSetting) {
    self.shape = shape
    self.rule = rule
    kernels = setting.context.kernels.lowBit
    current = setting.current
    plan = .allocate(capacity: 1)
    plan.initialize(to: PreparedLowBitSoftmax.kernelPlan(.int8(rule), shape: shape))
    packed = PackedHeads(kernels: kernels, plan: plan, shape: shape)
  }

  deinit {
    plan.deallocate()
  }

  var bytes: Int { packed.bytes }
  var stripBytes: Int { kernels.strip_bytes(plan) }

  var phases: [WorkerPool.Job] {
    [
      WorkerPool.Job(units: shape.batch * shape.keyValueHeads) { [self] _, head in
        packKeys(head)
      },
      WorkerPool.Job(units: shape.batch * shape.queryHeads) { [self] _, head in
        packQueries(head)
      },
    ]
  }

  private func packKeys(_ head: Int) {
    guard let operands = current.value else { return }
    let (keys, width) = (Int32(shape.keyLength), Int32(shape.headDim))
    let key = UnsafePointer(operands.key.base + head * shape.keyLength * shape.headDim)
    let value = UnsafePointer(operands.value.base + head * shape.keyLength * shape.valueDim)
    var mean: UnsafeMutablePointer<Float>?
    if rule.smoothsKeys {
      let row = packed.means + head * shape.headDim
      kernels.channel_mean(key, shape.headDim, keys, width, row)
      mean = row
    }
    kernels.pack_keys(
      plan, key, shape.headDim, keys, mean, Int32(rule.keyGroup), packed.heads + head)
    kernels.pack_values(plan, value, shape.valueDim, keys, packed.heads + head)
  }

  private func packQueries(_ head: Int) {
    guard let operands = current.value else { return }
    kernels.query_scales(
      UnsafePointer(operands.query.base + head * shape.queryLength * shape.headDim),
      shape.headDim, Int32(shape.queryLength), Int32(shape.headDim), shape.kernelScale,
      Int32(rule.queryGroup), packed.queryScales + head * shape.queryLength)
  }

  /// Attention of one strip of rows `ids` of query head `head` to `runs`.
  func attend(
    _ strip: UnsafeMutableRawPointer, head: Int, at: AttendOperands.Head,
    ids: UnsafePointer<Int32>, lanes: Int, runs: StripRuns,
    counts: UnsafeMutablePointer<attn_counts_t>
  ) {
    kernels.load(
      strip, plan, at.query, shape.headDim, ids, Int32(lanes), shape.kernelScale,
      packed.queryScales + head * shape.queryLength)
    kernels.attend(
      strip, plan, packed.heads + at.keyValueIndex, at.value, shape.valueDim, runs.runs,
      Int32(runs.runCount), runs.masks, counts)
    kernels.store(
      strip, plan, packed.heads + at.keyValueIndex, at.output, shape.valueDim, ids, Int32(lanes),
      nil)
  }
}
