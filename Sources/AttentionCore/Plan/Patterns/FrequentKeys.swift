// SPDX-License-Identifier: MIT

/// How the queries of a pattern see the keys that their head finds frequent in the data.
///
/// A head's frequent keys have the largest sums of weights over the rows that its ``HeadChoice``
/// samples. They are gathered and seen beside the pattern's own keys, so the two must be disjoint.
/// What a strip of queries sees of them should be neighbours in the list of those taken: engines
/// cut tiles anew after every gap.
public struct FrequentKeys: Hashable, Sendable {
  /// Where a query sees them.
  public let visible: KeyPattern
  /// Frequent keys outside of these, ascending and disjoint, are not taken: the pattern has them.
  public let among: [Range<Int>]

  public init(visible: KeyPattern, among: [Range<Int>]) {
    self.visible = visible
    self.among = among
  }

  /// Those of `keys`, which ascend, that are taken.
  public func taken(_ keys: [Int]) -> [Int] {
    var spans = among[...]
    return keys.filter { key in
      while let first = spans.first, first.upperBound <= key { spans.removeFirst() }
      return spans.first?.contains(key) ?? false
    }
  }

  /// What every query sees of `keys`, which ascend: their indices from `first` on.
  func places(of keys: [Int], from first: Int, shape: AttentionShape) -> KeyPattern {
    var before = [Int](repeating: first, count: shape.keyLength + 1)
    for key in keys { before[key + 1] += 1 }
    for key in 0..<shape.keyLength { before[key + 1] += before[key] - first }
    return .spans(
      SpanTable(
        (0..<shape.queryLength).lazy.map { query in
          visible.spans(of: query, keyLength: shape.keyLength).map {
            before[$0.lowerBound]..<before[$0.upperBound]
          }
        }))
  }
}

extension HeadPattern {
  /// The pattern of a head that sees the taken ones of the keys `frequent` as summaries of one key
  /// each, which are added to `groups`.
  func showing(
    _ frequent: [Int], groups: inout [[Range<Int>]], shape: AttentionShape
  ) -> HeadPattern {
    guard let view = self.frequent else { return self }
    let taken = view.taken(frequent)
    let places = view.places(of: taken, from: groups.count, shape: shape)
    groups += taken.map { [$0..<$0 + 1] }
    return HeadPattern(keys, order: order, bias: bias, summaries: places, frequent: view)
  }
}

extension Attend {
  /// Copies of the frequent keys and values of every head.
  func gathering(_ heads: HeadPatterns, shape: AttentionShape) -> [StageWork] {
    let rows = shape.batch * heads.frequentRows
    guard rows > 0 else { return [] }
    let bytes = 4 * rows * (shape.headDim + shape.valueDim)
    return [
      StageWork(
        name: "gather frequent keys", operations: OperationCounts(), bytesRead: bytes,
        bytesWritten: bytes, parallelUnits: shape.batch * shape.queryHeads)
    ]
  }

  /// What an engine must count for the frequent keys of one head.
  func frequentCounts(
    _ pattern: HeadPattern, keys: [Int], tile: TileSize, shape: AttentionShape
  ) -> EngineCounts {
    guard let view = pattern.frequent else { return EngineCounts() }
    let taken = view.taken(keys)
    let schedule = TileSchedule(
      view.places(of: taken, from: 0, shape: shape), order: pattern.order,
      queryLength: shape.queryLength, keyLength: taken.count, tile: tile)
    var sum = counts(of: schedule, queryReads: false, shape: shape)
    sum.rowsGathered += taken.count
    return sum
  }
}
