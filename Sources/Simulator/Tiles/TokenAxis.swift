// SPDX-License-Identifier: MIT

import AttentionCore

/// One axis as the counter sees it: groups of positions, and the keys each position attends to.
///
/// Along a group both ends of the attended range never move backwards, and neighbouring ranges
/// touch, so that a query tile's keys are one range given by its first and last query.
enum TokenAxis {
  case window(AxisWindow)
  /// Keys seen by order alone; a single group.
  case sequence(AttentionShape)

  /// Groups of positions with the same counts.
  struct Group {
    let queries: Int
    let keys: Int
    /// How many such groups the axis has.
    let multiplicity: Int
  }

  var groups: [Group] {
    switch self {
    case .sequence(let shape):
      return [Group(queries: shape.queryLength, keys: shape.keyLength, multiplicity: 1)]
    case .window(let axis):
      // Residues below `length mod dilation` have one position more than the others.
      let longer = axis.length % axis.dilation
      let short = axis.length / axis.dilation
      return [(short + 1, longer), (short, axis.dilation - longer)].filter { $0.1 > 0 }
        .map { Group(queries: $0.0, keys: $0.0, multiplicity: $0.1) }
    }
  }

  var queries: Int {
    switch self {
    case .window(let axis): axis.length
    case .sequence(let shape): shape.queryLength
    }
  }

  var keys: Int {
    switch self {
    case .window(let axis): axis.length
    case .sequence(let shape): shape.keyLength
    }
  }

  var attendedPairs: Int {
    switch self {
    case .window(let axis): axis.attendedPairs
    case .sequence(let shape): MaskRule.sequence.attendedPairs(shape: shape)
    }
  }

  func range(index: Int, in group: Group) -> Range<Int> {
    switch self {
    case .window(let axis): axis.range(index: index, count: group.keys)
    case .sequence(let shape): 0..<shape.visibleKeys(query: index)
    }
  }
}

/// Key tiles along one axis, summed over its query tiles and at worst.
///
/// Counts of several axes multiply, since a pair is attended only if it is on every axis.
struct AxisTiles {
  private(set) var queryTiles = 0
  private(set) var visited = 0
  private(set) var full = 0
  private(set) var worst = 0
  /// Query-key pairs inside visited tiles, without padding.
  private(set) var evaluatedPairs = 0

  init(_ axis: TokenAxis, queryTile: Int, keyTile: Int, isDynamic: Bool) {
    for group in axis.groups {
      for first in stride(from: 0, to: group.queries, by: queryTile) {
        let last = min(first + queryTile, group.queries) - 1
        let head = axis.range(index: first, in: group)
        let tail = axis.range(index: last, in: group)
        let span = KeySpan(
          union: head.lowerBound..<tail.upperBound,
          common: (low: tail.lowerBound, high: head.upperBound),
          origin: isDynamic ? head.lowerBound : 0,
          end: isDynamic ? tail.upperBound : group.keys)
        add(span, queries: last - first + 1, keyTile: keyTile, times: group.multiplicity)
      }
    }
  }

  private mutating func add(_ span: KeySpan, queries: Int, keyTile: Int, times: Int) {
    let tiles = span.tiles(of: keyTile)
    queryTiles += times
    visited += times * tiles.visited.count
    full += times * tiles.full
    worst = max(worst, tiles.visited.count)
    let keys =
      min(tiles.visited.upperBound * keyTile, span.length) - tiles.visited.lowerBound * keyTile
    evaluatedPairs += times * queries * max(keys, 0)
  }
}

/// The keys of one query tile along one axis, relative to where key tiles start.
private struct KeySpan {
  /// Keys that some query attends to, from the origin of the tiles.
  let union: Range<Int>
  /// Keys that every query attends to; empty where `high <= low`.
  let common: (low: Int, high: Int)
  /// Keys from the origin of the tiles to the last key they may cover.
  let length: Int

  init(union: Range<Int>, common: (low: Int, high: Int), origin: Int, end: Int) {
    self.union = union.lowerBound - origin..<union.upperBound - origin
    self.common = (common.low - origin, common.high - origin)
    length = end - origin
  }

  func tiles(of size: Int) -> (visited: Range<Int>, full: Int) {
    guard !union.isEmpty else { return (0..<0, 0) }
    let visited = union.lowerBound / size..<(union.upperBound + size - 1) / size
    let firstFull = (common.low + size - 1) / size
    // The last tile may be ragged: it is full when every key that exists is attended.
    let endFull = common.high == length ? (length + size - 1) / size : common.high / size
    return (visited, max(endFull - firstFull, 0))
  }
}
