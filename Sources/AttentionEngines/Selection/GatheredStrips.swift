// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Strips of queries that were gathered for a block, in memory of each worker.
final class GatheredStrips: @unchecked Sendable {
  private let shape: AttentionShape
  private let setting: SelectionSetting
  private let scratch: Workspace

  init(shape: AttentionShape, setting: SelectionSetting) {
    self.shape = shape
    self.setting = setting
    let context = setting.context
    scratch = Workspace(
      bytesPerWorker: context.kernels.tiled.strip_bytes(
        Int32(shape.headDim), Int32(shape.valueDim)), workers: context.pool.count)
  }

  var bytes: Int { scratch.bytes }

  /// Begins a strip with `count` rows of the head's queries.
  func load(
    _ rows: UnsafePointer<Int32>, count: Int, _ at: AttendOperands.Head, worker: Int
  ) {
    setting.context.kernels.tiled.load(
      scratch[worker], at.query, shape.headDim, rows, Int32(count), Int32(shape.headDim),
      Int32(shape.valueDim), shape.kernelScale)
  }

  /// Attends the strip to runs of keys.
  func attend(
    _ runs: StripRuns, _ at: AttendOperands.Head, _ operands: AttendOperands, worker: Int
  ) {
    setting.context.kernels.tiled.attend(
      scratch[worker], setting.source.keys(at.keyValueIndex, operands), shape.headDim,
      setting.source.values(at.keyValueIndex, operands), shape.valueDim, nil, runs.runs,
      Int32(runs.runCount), runs.masks, setting.board[worker])
  }

  /// Writes the strip to the rows `ids` of `output`, and its log-sum-exp where that is asked for.
  func store(
    to output: UnsafeMutablePointer<Float>, ids: UnsafePointer<Int32>, count: Int,
    logSumExp: UnsafeMutablePointer<Float>?, worker: Int
  ) {
    setting.context.kernels.tiled.store(
      scratch[worker], output, shape.valueDim, ids, Int32(count), logSumExp)
  }

  /// Lets the strip at hand fetch the rows of the next one, whose keys are the same or follow.
  func announce(
    queries: UnsafePointer<Int32>, outputs: UnsafePointer<Int32>,
    of output: UnsafeMutablePointer<Float>, count: Int, _ at: AttendOperands.Head, worker: Int
  ) {
    guard count > 0 else { return }
    var announcement = attn_tiled_next_t(
      queries: at.query, keys: at.key, values: at.value, outputs: UnsafePointer(output),
      query_stride: shape.headDim, key_stride: shape.headDim, value_stride: shape.valueDim,
      output_stride: shape.valueDim, query_ids: queries, output_ids: outputs, key_ids: nil,
      count: Int32(count), key_count: 0)
    setting.context.kernels.tiled.announce?(scratch[worker], &announcement)
  }
}
