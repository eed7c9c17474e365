// SPDX-License-Identifier: MIT

extension TileSchedule {
  /// Multi-dimensional query tiles that read grid rows in place.
  ///
  /// Tiles are cut inside each dilation class and follow one another by stride groups, whose windows
  /// are the same or overlap, so that keys stay in the caches. The keys of a tile are the bounding box of
  /// its windows, visited row by row along the last axis; the mask of a key is the product of one word
  /// per axis, so nothing is done per pair.
  init(neighborhood mask: NeighborhoodMask, tile: TileSize, queryTile: Extents) {
    self.init(tile: tile, keyLength: mask.grid.count + mask.extraKeys)
    let rank = mask.axes.count
    precondition(queryTile.rank == rank && queryTile.count <= tile.lanes, "query tile does not fit")
    for residues in Self.boxes(mask.axes.map { 0..<$0.dilation }) {
      let counts = (0..<rank).map { mask.axes[$0].classLength(residue: residues[$0]) }
      for index in Self.tiles(mask: mask, counts: counts, queryTile: queryTile) {
        let ranges = (0..<rank).map { axis in
          index[axis] * queryTile[axis]..<min((index[axis] + 1) * queryTile[axis], counts[axis])
        }
        append(NeighborhoodTile(mask: mask, residues: residues, counts: counts, ranges: ranges))
      }
    }
  }

  /// Indices of the query tiles of one dilation class, group by group.
  ///
  /// Groups that overlap the most follow each other; ties go to the last axis, the order of memory.
  private static func tiles(
    mask: NeighborhoodMask, counts: [Int], queryTile: Extents
  ) -> [[Int]] {
    let groups = mask.axes.indices.map {
      mask.axes[$0].tileGroups(count: counts[$0], queryTile: queryTile[$0])
    }
    let overlaps = mask.axes.map(\.overlap)
    let inner = overlaps.indices.max { (overlaps[$0], $0) < (overlaps[$1], $1) } ?? 0
    var outer = groups.map(\.indices)
    outer.remove(at: inner)
    return boxes(outer).flatMap { place in
      groups[inner].indices.flatMap { last in
        var group = place
        group.insert(last, at: inner)
        return boxes(zip(groups, group).map { $0[$1] })
      }
    }
  }

  private mutating func append(_ query: NeighborhoodTile) {
    let ids = query.tokens
    let all = Self.laneMask(ids.count)
    appendStrip(ids) { schedule in
      let last = query.axisWords.count - 1
      for row in Self.boxes(query.axisWords.dropLast().map { $0.indices }) {
        let rowWord = row.enumerated().reduce(all) { $0 & query.axisWords[$1.offset][$1.element] }
        guard rowWord != 0 else { continue }
        let words = query.axisWords[last].map { $0 & rowWord }
        schedule.appendMasked(
          firstKey: query.token(keyIndex: row + [0]), step: query.mask.axes[last].dilation,
          words: words, allLanes: all)
      }
      schedule.appendFull(firstKey: query.mask.grid.count, count: query.mask.extraKeys)
    }
  }

  /// Strips of consecutive tokens of the flattened grid, whatever rows they straddle.
  init(flatNeighborhood mask: NeighborhoodMask, tile: TileSize) {
    let grid = mask.grid
    self.init(tile: tile, keyLength: grid.count + mask.extraKeys)
    for first in stride(from: 0, to: grid.count, by: tile.lanes) {
      let ids = first..<min(first + tile.lanes, grid.count)
      appendStrip(ids) { schedule in
        schedule.appendFlatRuns(ids, mask: mask)
        schedule.appendFull(firstKey: grid.count, count: mask.extraKeys)
      }
    }
  }

  private mutating func appendFlatRuns(_ ids: Range<Int>, mask: NeighborhoodMask) {
    var words: [Int: UInt32] = [:]
    for (lane, id) in ids.enumerated() {
      for key in mask.keys(of: id) {
        words[key, default: 0] |= 1 << UInt32(lane)
      }
    }
    let keys = words.keys.sorted()
    var start = 0
    while start < keys.count {
      var end = start + 1
      while end < keys.count, keys[end] == keys[end - 1] + 1 { end += 1 }
      appendMasked(
        firstKey: keys[start], words: keys[start..<end].map { words[$0, default: 0] },
        allLanes: Self.laneMask(ids.count))
      start = end
    }
  }

  /// Every index of a box, in row-major order; one empty index for rank 0.
  static func boxes(_ ranges: [Range<Int>]) -> [[Int]] {
    ranges.reduce([[]]) { boxes, range in boxes.flatMap { box in range.map { box + [$0] } } }
  }
}

extension AxisWindow {
  /// The share of a window that the next stride group sees too.
  fileprivate var overlap: Double { Double(max(window - stride, 0)) / Double(window) }

  /// Indices of the query tiles of a class of `count` positions, a range for every stride group in which
  /// tiles begin.
  fileprivate func tileGroups(count: Int, queryTile: Int) -> [Range<Int>] {
    let tiles = (count + queryTile - 1) / queryTile
    // The tile that begins at or after a position.
    func tile(at position: Int) -> Int { min((position + queryTile - 1) / queryTile, tiles) }
    return Swift.stride(from: 0, to: count, by: stride)
      .map { tile(at: $0)..<tile(at: $0 + stride) }.filter { !$0.isEmpty }
  }
}

/// One query tile inside one dilation class of a grid.
private struct NeighborhoodTile {
  let mask: NeighborhoodMask
  let residues: [Int]
  /// Query positions per axis, in class indices.
  let ranges: [Range<Int>]
  /// First key per axis of the bounding box, in class indices.
  let firstKeys: [Int]
  /// Per axis and key of the bounding box: the lanes whose position sees that key.
  let axisWords: [[UInt32]]

  init(mask: NeighborhoodMask, residues: [Int], counts: [Int], ranges: [Range<Int>]) {
    self.mask = mask
    self.residues = residues
    self.ranges = ranges
    let positions = TileSchedule.boxes(ranges)
    var firstKeys: [Int] = []
    var axisWords: [[UInt32]] = []
    for (axis, window) in mask.axes.enumerated() {
      let windows = ranges[axis].map { window.range(index: $0, count: counts[axis]) }
      let low = windows.map(\.lowerBound).min() ?? 0
      let high = windows.map(\.upperBound).max() ?? 0
      var words = [UInt32](repeating: 0, count: high - low)
      for (lane, position) in positions.enumerated() {
        for key in windows[position[axis] - ranges[axis].lowerBound] {
          words[key - low] |= 1 << UInt32(lane)
        }
      }
      firstKeys.append(low)
      axisWords.append(words)
    }
    self.firstKeys = firstKeys
    self.axisWords = axisWords
  }

  var tokens: [Int] { TileSchedule.boxes(ranges).map { token($0) } }

  /// The token at `keyIndex`, counted from the corner of the bounding box.
  func token(keyIndex: [Int]) -> Int {
    token(zip(keyIndex, firstKeys).map { $0 + $1 })
  }

  private func token(_ classIndex: [Int]) -> Int {
    mask.axes.indices.reduce(0) { token, axis in
      token * mask.axes[axis].length + residues[axis] + classIndex[axis] * mask.axes[axis].dilation
    }
  }
}

extension NeighborhoodMask {
  /// The keys of the grid that token `query` attends to, ascending.
  public func keys(of query: Int) -> [Int] {
    let coordinate = grid.coordinate(of: query)
    let positions = axes.indices.map { axis in
      let window = axes[axis]
      let residue = coordinate[axis] % window.dilation
      let range = window.range(
        index: coordinate[axis] / window.dilation, count: window.classLength(residue: residue))
      return range.map { residue + $0 * window.dilation }
    }
    return positions.enumerated().reduce([0]) { keys, axis in
      keys.flatMap { key in axis.element.map { key * axes[axis.offset].length + $0 } }
    }
  }
}
