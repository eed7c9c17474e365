// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The short windows of all heads, ready for their kernel.
final class PreparedWindows: @unchecked Sendable {
  /// Per pattern, nil where strips serve it.
  let ofPattern: [ShortWindows?]
  private let biases: [WindowBiasTables?]
  private let kernels: attn_window_kernels_t
  private let shape: AttentionShape
  private let tileKeys: Int

  /// Nil where no pattern has windows, or the kernels have no such thing.
  init?(
    _ heads: HeadSchedules, rule: MaskRule, shape: AttentionShape, weights: WeightSet,
    kernels: KernelTable
  ) {
    guard let window = kernels.window else { return nil }
    var patterns: [HeadPattern]?
    if case .patterns(let heads) = rule { patterns = heads.patterns }
    let found = heads.schedules.indices.map { index -> ShortWindows? in
      guard heads.summaries[index] == nil else { return nil }
      if case .linear = patterns?[index].bias { return nil }
      return ShortWindows(heads.schedules[index], kernels: window)
    }
    guard found.contains(where: { $0 != nil }) else { return nil }
    ofPattern = found
    biases = found.enumerated().map { index, windows in
      guard let windows, case .relative(let bias) = patterns?[index].bias else { return nil }
      return WindowBiasTables(
        bias, windows: windows, schedule: heads.schedules[index], weight: weights[bias.weight])
    }
    self.kernels = window
    self.shape = shape
    tileKeys = kernels.tile.keys
  }

  var bytes: Int {
    ofPattern.reduce(0) { $0 + ($1?.bytes ?? 0) } + biases.reduce(0) { $0 + ($1?.bytes ?? 0) }
  }

  /// Scratch of one worker.
  var scratchBytes: Int { kernels.scratch_bytes(Int32(shape.headDim), Int32(shape.valueDim)) }

  /// Whether the strip at `place` belongs to a window.
  func hold(_ place: StripPlaces.Place) -> Bool {
    ofPattern[place.pattern]?.window(strip: place.strip) != nil
  }

  /// Attends the window of `place` at the turn of its first strip, which is the last to come.
  ///
  /// `next` is the strip after `place`, if it is known: the rows of its window are fetched.
  func attend(
    _ place: StripPlaces.Place, next: StripPlaces.Place?, schedules: [ScheduleMemory],
    _ operands: AttendOperands, scratch: UnsafeMutableRawPointer, worker: Int, board: CountBoard
  ) {
    guard let windows = ofPattern[place.pattern],
      let index = windows.window(strip: place.strip),
      windows.windows[index].strips.lowerBound == place.strip,
      var current = rows(place, schedules, operands)
    else { return }
    let (headDim, valueDim) = (Int32(shape.headDim), Int32(shape.valueDim))
    if let next, var following = rows(next, schedules, operands) {
      kernels.attend(scratch, &current, headDim, valueDim, shape.kernelScale, &following)
    } else {
      kernels.attend(scratch, &current, headDim, valueDim, shape.kernelScale, nil)
    }
    let schedule = schedules[place.pattern]
    for index in windows.windows[index].strips {
      let strip = schedule.strips[index]
      schedule.count(strip, tileKeys: tileKeys, board[worker])
      board.add(
        worker: worker, keyRows: schedule.keyRows(strip), queryRows: strip.queries.count, shape)
    }
  }

  /// What the kernel reads and writes for the window of a strip.
  private func rows(
    _ place: StripPlaces.Place, _ schedules: [ScheduleMemory], _ operands: AttendOperands
  ) -> attn_window_t? {
    guard let windows = ofPattern[place.pattern], let index = windows.window(strip: place.strip)
    else { return nil }
    let window = windows.windows[index]
    let at = operands.head(place.head, shape: shape)
    let bias = biases[place.pattern]?.rows(window: index, head: place.head % shape.queryHeads)
    return attn_window_t(
      q: at.query, k: at.key, v: at.value, o: at.output, q_stride: shape.headDim,
      k_stride: shape.headDim, v_stride: shape.valueDim, o_stride: shape.valueDim,
      query_ids: schedules[place.pattern].queries + window.queries.lowerBound,
      key_ids: windows.keys + window.keys.lowerBound, query_count: Int32(window.queries.count),
      key_count: Int32(window.keys.count), bias: bias?.first, bias_stride: bias?.stride ?? 0)
  }
}
