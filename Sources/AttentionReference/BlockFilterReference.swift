// SPDX-License-Identifier: MIT

import AttentionCore

/// The filter that leaves chosen blocks out of a strip of queries, by its definition in Double.
///
/// Chosen blocks are visited in ascending order. One is left out where every query of the strip
/// that sees a key of it scores all of them at least `below` (log2 units) under the largest score
/// that it has met in the blocks before. The first block that a query sees is never left out.
public struct BlockFilterReference: Sendable {
  public let reference: BlockReference
  public let below: Double
  /// Queries of a strip where no engine tells its own number: those of a warp.
  public static let lanes = 32

  public init(_ reference: BlockReference, below: Double) {
    self.reference = reference
    self.below = below
  }

  /// Chosen blocks that the strips of one row unit leave out, by strip.
  public func leftOut(
    _ head: ReferenceHead, row: Int, chosen: Set<Int>, lanes: Int
  ) -> [Set<Int>] {
    strips(row, lanes: lanes).map { strip in
      Set(gaps(head, strip, chosen: chosen).filter { $0.gap + below <= 0 }.map(\.block))
    }
  }

  /// What is wrong with the blocks that an engine left out of one row unit.
  ///
  /// Gaps closer to the threshold than Float32 scores can tell may fall either way.
  public func defects(
    _ head: ReferenceHead, index: Int, row: Int, chosen: Set<Int>, leftOut: LeftOutBlocks
  ) -> [String] {
    strips(row, lanes: leftOut.lanes).enumerated().flatMap { number, strip in
      gaps(head, strip, chosen: chosen).compactMap { block, gap, largest -> String? in
        let isLeftOut = leftOut.contains(
          head: index, row: row, offset: number * leftOut.lanes, block: block)
        // Sums of Float32 products carry 1e-5 of the largest score; a gap has two of them.
        guard isLeftOut != (gap + below <= 0), abs(gap + below) > 2e-5 * (1 + largest) else {
          return nil
        }
        return "head \(index), row unit \(row), strip \(number): block \(block) lies \(-gap) below "
          + "and was \(isLeftOut ? "left out" : "kept") at \(below)"
      }
    }
  }

  /// Attention of one head to the chosen blocks but for what the strips of its row units leave out.
  public func attend(
    _ head: ReferenceHead, chosen: [Set<Int>], lanes: Int, leftOut: (_ row: Int) -> [Set<Int>]
  ) -> Rows {
    let shape = reference.shape
    var kept = [Set<Int>](repeating: [], count: shape.queryLength)
    for (row, blocks) in chosen.enumerated() {
      let less = leftOut(row)
      for (number, strip) in strips(row, lanes: lanes).enumerated() {
        for query in strip { kept[query] = blocks.subtracting(less[number]) }
      }
    }
    var blockOfKey = [Int](repeating: 0, count: shape.keyLength)
    for (block, keys) in reference.blocks.enumerated() {
      for key in keys { blockOfKey[key] = block }
    }
    return SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
      SoftmaxReference.allows(shape, query: query, key: key)
        && kept[query].contains(blockOfKey[key])
    }
  }

  private func strips(_ row: Int, lanes: Int) -> [ArraySlice<Int>] {
    let queries = reference.rows[row]
    return stride(from: 0, to: queries.count, by: lanes).map {
      queries[$0..<min($0 + lanes, queries.count)]
    }
  }

  /// How far the scores of every chosen block rise above what was met before [log2], over the
  /// queries that see any of its keys, and the largest score of them by amount.
  private func gaps(
    _ head: ReferenceHead, _ strip: ArraySlice<Int>, chosen: Set<Int>
  ) -> [(block: Int, gap: Double, largest: Double)] {
    let shape = reference.shape
    let unit = shape.softmaxScale * 1.442_695_040_888_963_4
    var reached: [Int: Double] = [:]
    return chosen.sorted().compactMap { block in
      var gap = -Double.infinity
      var largest = 0.0
      var local: [Int: Double] = [:]
      for query in strip {
        let scores = reference.blocks[block]
          .filter { SoftmaxReference.allows(shape, query: query, key: $0) }
          .map { unit * head.query.dot(query, head.key, $0) }
        guard let top = scores.max() else { continue }
        local[query] = top
        gap = max(gap, reached[query].map { top - $0 } ?? .infinity)
        largest = max(largest, abs(top), abs(reached[query] ?? 0))
      }
      guard !local.isEmpty else { return nil }
      // A block that is left out raises nobody's largest score.
      reached.merge(local) { max($0, $1) }
      return (block, gap, largest)
    }
  }
}
