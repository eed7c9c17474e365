// SPDX-License-Identifier: MIT

import AttentionCore

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
  /// Strips of all heads.
  let count: Int
  private let biases: [LinearBias?]
  private let ofHead: [Int]
  /// First position of each head of one batch element, and the end.
  private let firsts: [Int]

  init(_ heads: HeadSchedules, rule: MaskRule, shape: AttentionShape) {
    schedules = heads.schedules.map(ScheduleMemory.init)
    arrivals = heads.schedules.map(StripArrivals.init)
    ofHead = heads.ofHead
    var firsts = [0]
    for pattern in heads.ofHead {
      firsts.append(firsts[firsts.count - 1] + heads.schedules[pattern].strips.count)
    }
    self.firsts = firsts
    count = shape.batch * firsts[firsts.count - 1]
    guard case .patterns(let patterns) = rule else {
      biases = [nil]
      return
    }
    biases = patterns.patterns.map { pattern in
      guard case .linear(let slope) = pattern.bias else { return nil }
      return LinearBias(slope: slope, keyLength: shape.keyLength)
    }
  }

  var bytes: Int {
    schedules.reduce(0) { $0 + $1.bytes } + arrivals.reduce(0) { $0 + $1.bytes }
      + biases.reduce(0) { $0 + ($1?.bytes ?? 0) }
  }

  /// The strip at `position` in `0..<count`.
  subscript(position: Int) -> Place {
    let perBatch = firsts[firsts.count - 1]
    let (batch, rest) = position.quotientAndRemainder(dividingBy: perBatch)
    let head = head(of: rest)
    let pattern = ofHead[head]
    // The last strips of a causal schedule are the longest; they come first so that workers end
    // together.
    return Place(
      head: batch * ofHead.count + head, pattern: pattern,
      strip: schedules[pattern].stripCount - 1 - (rest - firsts[head]))
  }

  /// The head of one batch element to which a position belongs.
  private func head(of position: Int) -> Int {
    guard schedules.count > 1 else { return position / firsts[1] }
    var (low, high) = (0, ofHead.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if firsts[middle] <= position { low = middle } else { high = middle }
    }
    return low
  }

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
