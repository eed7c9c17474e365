// SPDX-License-Identifier: MIT

import AttentionCore

/// Counts of one-dimensional tiles on the flattened grid, tile by tile and row by row.
///
/// A run of consecutive tokens is at most `2 * rank - 1` boxes of grid positions. The keys of a box
/// are a product of one key set per axis, so a query tile costs one step per row of its keys.
struct FlatTileCounter {
  private let mask: NeighborhoodMask
  private let queryTile: Int
  private let keyTile: Int
  private let tokens: Int
  private let keys: Int
  /// Distance between neighbours of an axis, in tokens.
  private let steps: [Int]

  init(mask: NeighborhoodMask, tiles: TilePair) {
    self.mask = mask
    queryTile = tiles.query.count
    keyTile = tiles.key.count
    tokens = mask.grid.count
    keys = tokens + mask.extraKeys
    steps = mask.axes.indices.map { axis in
      mask.axes[(axis + 1)...].reduce(1) { $0 * $1.length }
    }
  }

  var figures: TileFigures {
    let denseTiles = keys.dividedUp(by: keyTile)
    let queryTiles = tokens.dividedUp(by: queryTile)
    var marks = KeyTileMarks(keys: keys, tile: keyTile)
    var visited = 0
    var full = 0
    var worst = 0
    var evaluated = 0
    for first in stride(from: 0, to: tokens, by: queryTile) {
      let last = min(first + queryTile, tokens)
      let boxes = boxes(first..<last)
      marks.reset()
      for box in boxes { forEachRun(of: unionKeys(box)) { marks.mark($0) } }
      marks.mark(tokens..<keys)
      visited += marks.count
      worst = max(worst, marks.count)
      evaluated += (last - first) * marks.markedKeys
      full += fullTiles(boxes)
    }
    return TileFigures(
      queries: tokens, allPairs: tokens * keys, attendedPairs: mask.attendedPairs,
      evaluatedPairs: evaluated, queryTiles: queryTiles, tilesTotal: queryTiles * denseTiles,
      tilesVisited: visited, tilesFull: full, tilesWorst: worst, denseTilesPerQueryTile: denseTiles,
      queryTileTokens: queryTile, keyTileTokens: keyTile)
  }

  /// Key tiles in which every query of `boxes` attends to every key.
  private func fullTiles(_ boxes: [[Range<Int>]]) -> Int {
    // What all boxes have in common is again a product over axes.
    let common = mask.axes.indices.map { axis in
      boxes.dropFirst().reduce(commonKeys(axis, boxes[0][axis])) { keys, box in
        Self.intersection(keys, commonKeys(axis, box[axis]))
      }
    }
    var filling = KeyTileFilling(keys: keys, tile: keyTile)
    forEachRun(of: common) { filling.fill($0) }
    filling.fill(tokens..<keys)
    return filling.full
  }

  /// The boxes of grid positions that make up a run of consecutive tokens.
  private func boxes(_ run: Range<Int>, from axis: Int = 0) -> [[Range<Int>]] {
    guard axis < steps.count - 1 else { return [[run]] }
    let step = steps[axis]
    let first = run.lowerBound / step
    let last = (run.upperBound - 1) / step
    func inside(_ index: Int, _ range: Range<Int>) -> [[Range<Int>]] {
      boxes(range, from: axis + 1).map { [index..<index + 1] + $0 }
    }
    let head = run.lowerBound - first * step
    let tail = run.upperBound - last * step
    guard first < last else { return inside(first, head..<tail) }
    var result: [[Range<Int>]] = head > 0 ? inside(first, head..<step) : []
    let whole = (head > 0 ? first + 1 : first)..<(tail < step ? last : last + 1)
    if !whole.isEmpty {
      result.append([whole] + mask.axes[(axis + 1)...].map { 0..<$0.length })
    }
    if tail < step { result += inside(last, 0..<tail) }
    return result
  }

  private func unionKeys(_ box: [Range<Int>]) -> [[Range<Int>]] {
    mask.axes.indices.map { unionKeys($0, box[$0]) }
  }

  /// Keys of one axis that some query in `positions` attends to, as ascending runs.
  private func unionKeys(_ axis: Int, _ positions: Range<Int>) -> [Range<Int>] {
    let window = mask.axes[axis]
    guard window.dilation > 1 else {
      let head = window.range(index: positions.lowerBound, count: window.length)
      let tail = window.range(index: positions.upperBound - 1, count: window.length)
      return [head.lowerBound..<tail.upperBound]
    }
    var isAttended = [Bool](repeating: false, count: window.length)
    for position in positions {
      for key in window.keys(of: position) { isAttended[key] = true }
    }
    return Self.runs(isAttended)
  }

  /// Keys of one axis that every query in `positions` attends to, as ascending runs.
  private func commonKeys(_ axis: Int, _ positions: Range<Int>) -> [Range<Int>] {
    let window = mask.axes[axis]
    guard window.dilation > 1 else {
      let head = window.range(index: positions.lowerBound, count: window.length)
      let tail = window.range(index: positions.upperBound - 1, count: window.length)
      return tail.lowerBound < head.upperBound ? [tail.lowerBound..<head.upperBound] : []
    }
    // Neighbours belong to different classes, which share no key.
    guard positions.count == 1 else { return [] }
    return window.keys(of: positions.lowerBound).map { $0..<$0 + 1 }
  }

  /// Calls `body` with every run of tokens in the product of `sets`, ascending.
  private func forEachRun(of sets: [[Range<Int>]], _ body: (Range<Int>) -> Void) {
    func descend(_ axis: Int, _ base: Int) {
      for run in sets[axis] {
        guard axis < sets.count - 1 else {
          body(base + run.lowerBound..<base + run.upperBound)
          continue
        }
        for index in run { descend(axis + 1, base + index * steps[axis]) }
      }
    }
    descend(0, 0)
  }

  private static func runs(_ flags: [Bool]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for (index, flag) in flags.enumerated() where flag {
      if let last = runs.last, last.upperBound == index {
        runs[runs.count - 1] = last.lowerBound..<index + 1
      } else {
        runs.append(index..<index + 1)
      }
    }
    return runs
  }

  private static func intersection(_ left: [Range<Int>], _ right: [Range<Int>]) -> [Range<Int>] {
    left.flatMap { run in right.map { run.clamped(to: $0) }.filter { !$0.isEmpty } }
  }
}

extension AxisWindow {
  /// The keys that the query at `position` attends to, in positions of the axis.
  fileprivate func keys(of position: Int) -> some Sequence<Int> {
    let residue = position % dilation
    let range = range(index: position / dilation, count: classLength(residue: residue))
    return range.lazy.map { residue + $0 * dilation }
  }
}

/// Which key tiles a query tile visits.
private struct KeyTileMarks {
  private let keys: Int
  private let tile: Int
  private var round: [Int32]
  private var current: Int32 = 0
  private(set) var count = 0
  /// Keys inside marked tiles.
  private(set) var markedKeys = 0

  init(keys: Int, tile: Int) {
    self.keys = keys
    self.tile = tile
    round = [Int32](repeating: 0, count: keys.dividedUp(by: tile))
  }

  mutating func reset() {
    current += 1
    count = 0
    markedKeys = 0
  }

  mutating func mark(_ run: Range<Int>) {
    guard !run.isEmpty else { return }
    for index in run.lowerBound / tile...(run.upperBound - 1) / tile where round[index] != current {
      round[index] = current
      count += 1
      markedKeys += min((index + 1) * tile, keys) - index * tile
    }
  }
}

/// Counts tiles all of whose keys are covered by runs that come in ascending order.
private struct KeyTileFilling {
  private let keys: Int
  private let tile: Int
  private var index = -1
  private var filled = 0
  private(set) var full = 0

  init(keys: Int, tile: Int) {
    self.keys = keys
    self.tile = tile
  }

  mutating func fill(_ run: Range<Int>) {
    var key = run.lowerBound
    while key < run.upperBound {
      if key / tile != index {
        index = key / tile
        filled = 0
      }
      let end = min((index + 1) * tile, keys)
      let next = min(end, run.upperBound)
      filled += next - key
      if filled == end - index * tile { full += 1 }
      key = next
    }
  }
}
