// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Every strip of every head, in the order in which workers take them.
final class StripPlaces: @unchecked Sendable {
  struct Place {
    /// Query head, counted over the whole batch.
    let head: Int
    let pattern: Int
    /// Index of the strip in the schedule of its pattern.
    let strip: Int
  }

  let schedules: [ScheduleMemory]
  let arrivals: [StripArrivals]
  /// By pattern: whether strips are executed from the first to the last.
  ///
  /// Memory reads ahead in that order, and every strip of causal attention brings few new keys, the
  /// first ones of a head too. Several workers take the longest strips first, so that they end together.
  private let ascends: [Bool]
  /// Strips of all heads.
  var count: Int { firsts[firsts.count - 1] }
  private let biases: [LinearBias?]
  private let relativeBiases: [RelativeBiasTables?]
  /// Pattern of each head of the batch.
  private var ofHead: [Int]
  /// First position of each head of the batch, and the end.
  private var firsts: [Int]

  /// Strips that `windows` hold need no biases of their own.
  init(
    _ heads: HeadSchedules, rule: MaskRule, windows: [ShortWindows?], shape: AttentionShape,
    weights: WeightSet, workers: Int
  ) {
    schedules = heads.schedules.map(ScheduleMemory.init)
    ascends = schedules.map { workers == 1 || !$0.endsLong }
    let rowBytes = MemoryLayout<Float>.stride * (shape.headDim + shape.valueDim)
    arrivals = zip(heads.schedules, ascends).map {
      StripArrivals($0, ascends: $1, rowBytes: rowBytes)
    }
    ofHead = (0..<shape.batch).flatMap { _ in heads.ofHead }
    firsts = [Int](repeating: 0, count: ofHead.count + 1)
    defer { place() }
    guard case .patterns(let patterns) = rule else {
      biases = [nil]
      relativeBiases = [nil]
      return
    }
    relativeBiases = patterns.patterns.indices.map { index in
      guard case .relative(let bias) = patterns.patterns[index].bias,
        windows[index]?.holdEveryStrip != true
      else { return nil }
      return RelativeBiasTables(
        bias, schedule: heads.schedules[index], weight: weights[bias.weight])
    }
    biases = patterns.patterns.map { pattern in
      guard case .linear(let slope) = pattern.bias else { return nil }
      return LinearBias(slope: slope, keyLength: shape.keyLength)
    }
  }

  var bytes: Int {
    schedules.reduce(0) { $0 + $1.bytes } + arrivals.reduce(0) { $0 + $1.bytes }
      + biases.reduce(0) { $0 + ($1?.bytes ?? 0) }
      + relativeBiases.reduce(0) { $0 + ($1?.bytes ?? 0) }
  }

  /// Gives every head of the batch the pattern that it has chosen.
  func assign(_ patterns: UnsafeBufferPointer<Int32>) {
    for head in 0..<ofHead.count { ofHead[head] = Int(patterns[head]) }
    place()
  }

  private func place() {
    for (head, pattern) in ofHead.enumerated() {
      firsts[head + 1] = firsts[head] + schedules[pattern].stripCount
    }
  }

  /// The strip at `position` in `0..<count`.
  subscript(position: Int) -> Place {
    let head = head(of: position)
    let pattern = ofHead[head]
    let index = position - firsts[head]
    return Place(
      head: head, pattern: pattern,
      strip: ascends[pattern] ? index : schedules[pattern].stripCount - 1 - index)
  }

  /// The head of the batch to which a position belongs.
  private func head(of position: Int) -> Int {
    guard schedules.count > 1 else { return position / firsts[1] }
    var (low, high) = (0, ofHead.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if firsts[middle] <= position { low = middle } else { high = middle }
    }
    return low
  }

  /// What a kernel may fetch ahead for the strip `next`; valid as long as the tensors are.
  func announcement(
    of next: Place, _ operands: AttendOperands, shape: AttentionShape
  ) -> attn_tiled_next_t {
    let schedule = schedules[next.pattern]
    let rows = schedule.strips[next.strip].queries
    let ids = schedule.queries + rows.lowerBound
    let keys = arrivals[next.pattern][next.strip]
    let at = operands.head(next.head, shape: shape)
    return attn_tiled_next_t(
      queries: at.query, keys: at.key, values: at.value, outputs: UnsafePointer(at.output),
      query_stride: shape.headDim, key_stride: shape.headDim, value_stride: shape.valueDim,
      output_stride: shape.valueDim, query_ids: ids, output_ids: ids, key_ids: keys.baseAddress,
      count: Int32(rows.count), key_count: Int32(keys.count))
  }

  /// The terms by offset that kernels add to the scores of a strip; nil for nothing.
  func relativeBias(_ place: Place) -> RelativeBiasTables? { relativeBiases[place.pattern] }

  /// What kernels add to the scores of a strip, by key; nil for nothing.
  func bias(_ place: Place) -> UnsafePointer<Float>? {
    guard let bias = biases[place.pattern] else { return nil }
    let schedule = schedules[place.pattern]
    let last = schedule.queries[schedule.strips[place.strip].queries.upperBound - 1]
    return bias.relative(to: Int(last))
  }
}

/// `slope (j - anchor)` by key `j`, in log2 units.
///
/// A row of softmax does not see a constant added to all its scores, so the queries of a strip may
/// share the anchor. It is the last of them: the terms that matter most are then the smallest and
/// lose nothing to rounding.
private final class LinearBias: @unchecked Sendable {
  private let table: UnsafeMutablePointer<Float>
  private let keyLength: Int

  init(slope: Double, keyLength: Int) {
    self.keyLength = keyLength
    table = .allocate(capacity: 2 * keyLength)
    for index in 0..<2 * keyLength {
      let term = slope * Double(index - keyLength) * 1.442_695_040_888_963_4
      (table + index).initialize(to: Float(term))
    }
  }

  deinit {
    table.deallocate()
  }

  var bytes: Int { 8 * keyLength }

  /// Keys past the table's end would lie `keyLength` after the anchor: no key does.
  func relative(to anchor: Int) -> UnsafePointer<Float> {
    UnsafePointer(table + (keyLength - min(anchor, keyLength)))
  }
}
