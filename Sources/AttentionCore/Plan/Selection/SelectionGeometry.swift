// SPDX-License-Identifier: MIT

/// Where row units and blocks begin, and which blocks a unit may or must see.
///
/// Places are positions in ``order``; without an order they are token indices.
public struct SelectionGeometry: Sendable {
  /// Token at every place, for queries and keys alike; nil where places are tokens.
  public let order: [Int32]?
  /// First place of every row unit, and the number of queries.
  public let rowStarts: [Int]
  /// First place of every block, and the number of keys.
  public let blockStarts: [Int]
  /// Block of every key place.
  private let blockOfKey: [Int32]
  private let shape: AttentionShape
  private let rowsAreEven: Bool
  /// Blocks of keys themselves; those after them are of mean keys.
  public let wholeBlocks: Int
  /// Whether a block's last key only weighs the block; never that of an unfinished block.
  private let lastKeysWeigh: Bool
  private let blockSize: Int

  public init(_ stage: AttendSelected, shape: AttentionShape) {
    self.shape = shape
    lastKeysWeigh = stage.merging == .lastKeys
    var tileStarts: [Int]
    switch stage.blocks {
    case .consecutive(let size):
      order = nil
      blockSize = size
      tileStarts = Self.starts(every: size, of: shape.keyLength)
      blockStarts = tileStarts
      wholeBlocks = blockStarts.count - 1
    case .pyramid(let size):
      order = nil
      blockSize = size
      tileStarts = Self.starts(every: size, of: shape.keyLength)
      blockStarts = Self.pyramid(tileStarts)
      wholeBlocks = tileStarts.count - 1
    case .gridTiles(let tile):
      blockSize = tile.count
      (order, tileStarts) = Self.gridTiles(tile, grid: shape.grid ?? [shape.keyLength])
      blockStarts = tileStarts
      wholeBlocks = blockStarts.count - 1
    case .gridTokens(let tile):
      blockSize = 1
      (order, tileStarts) = Self.gridTiles(tile, grid: shape.grid ?? [shape.keyLength])
      blockStarts = Array(0...shape.keyLength)
      wholeBlocks = shape.keyLength
    }
    switch stage.rows {
    case .queries(let size): rowStarts = Self.starts(every: size, of: shape.queryLength)
    case .block: rowStarts = tileStarts
    }
    let size = rowStarts[1]
    rowsAreEven = rowStarts.dropLast().enumerated().allSatisfy { $0.element == $0.offset * size }
    var blocks: [Int32] = []
    blocks.reserveCapacity(shape.keyLength)
    for block in 0..<blockStarts.count - 1 {
      for _ in blockStarts[block]..<blockStarts[block + 1] { blocks.append(Int32(block)) }
    }
    blockOfKey = blocks
  }

  public var rowCount: Int { rowStarts.count - 1 }
  public var blockCount: Int { blockStarts.count - 1 }
  public var largestBlock: Int {
    (0..<blockCount).reduce(0) { max($0, blockStarts[$1 + 1] - blockStarts[$1]) }
  }

  public func queries(row: Int) -> Range<Int> { rowStarts[row]..<rowStarts[row + 1] }
  /// Keys of a block that are attended to.
  public func keys(block: Int) -> Range<Int> {
    let range = blockStarts[block]..<blockStarts[block + 1]
    return lastKeysWeigh && range.count == blockSize ? range.dropLast() : range
  }

  /// Tokens' places that a block stands for.
  public func places(block: Int) -> Range<Int> { keys(block: block % wholeBlocks) }

  /// Keys of a block that the query at `place` sees, counted from the block's first; mean keys are
  /// seen by every query that chose them.
  public func seenKeys(place: Int, block: Int) -> Int {
    let keys = keys(block: block)
    guard block < wholeBlocks else { return keys.count }
    return max(min(keys.upperBound, visibleKeys(place: place)) - keys.lowerBound, 0)
  }

  /// Row units that hold any of `places`.
  public func rowsCovering(_ places: Range<Int>) -> Range<Int> {
    let size = rowStarts[1]
    // All units but the last have the size of the first, unless blocks of a grid differ.
    if rowsAreEven { return places.lowerBound / size..<(places.upperBound - 1) / size + 1 }
    let first = rowStarts.firstIndex { $0 > places.lowerBound } ?? rowStarts.count
    let last = rowStarts.firstIndex { $0 >= places.upperBound } ?? rowStarts.count - 1
    return first - 1..<last
  }

  /// Key places that the query at `place` may see, counted from 0.
  public func visibleKeys(place: Int) -> Int {
    order == nil ? shape.visibleKeys(query: place) : shape.keyLength
  }

  /// Blocks of which some query of the unit sees a key, counted from 0.
  public func visibleBlocks(row: Int) -> Int {
    let keys = visibleKeys(place: rowStarts[row + 1] - 1)
    return keys == 0 ? 0 : Int(blockOfKey[keys - 1]) + 1
  }

  /// The blocks in which the unit's last visible keys lie; without causality, those of its places.
  public func ownBlocks(row: Int) -> Range<Int> {
    let queries = queries(row: row)
    guard shape.isCausal else {
      guard shape.isSelfAttention else { return 0..<0 }
      return Int(blockOfKey[queries.lowerBound])..<Int(blockOfKey[queries.upperBound - 1]) + 1
    }
    let visible = visibleBlocks(row: row)
    let first = visibleKeys(place: queries.lowerBound)
    guard visible > 0, first > 0 else { return 0..<visible }
    return Int(blockOfKey[first - 1])..<visible
  }

  /// Blocks that `forced` demands of a unit, apart from its last rows.
  public func forcedBlocks(row: Int, _ forced: ForcedBlocks) -> ForcedPlaces {
    let visible = visibleBlocks(row: row)
    let first = 0..<min(forced.first, visible)
    let own = ownBlocks(row: row)
    let start = max(own.lowerBound - forced.previous, 0)
    let near = start..<(forced.own ? own.upperBound : max(own.lowerBound, start))
    return ForcedPlaces(
      first: first,
      near: max(near.lowerBound, first.upperBound)..<max(near.upperBound, first.upperBound))
  }

  /// The blocks at every lower resolution after the blocks themselves.
  private static func pyramid(_ starts: [Int]) -> [Int] {
    var all = starts
    for level in PyramidSearch.levels.dropFirst() {
      for (first, end) in zip(starts, starts.dropFirst()) {
        all.append((all.last ?? 0) + (end - first + level - 1) / level)
      }
    }
    return all
  }

  private static func starts(every size: Int, of length: Int) -> [Int] {
    Array(stride(from: 0, to: length, by: size)) + [length]
  }

  private static func gridTiles(_ tile: Extents, grid: Extents) -> ([Int32]?, [Int]) {
    var order: [Int32] = []
    var starts = [0]
    let counts = zip(grid.values, tile.values).map { ($0 + $1 - 1) / $1 }
    for index in 0..<counts.reduce(1, *) {
      var tokens = [0]
      var rest = index
      var step = 1
      for axis in stride(from: grid.rank - 1, through: 0, by: -1) {
        let place = rest % counts[axis]
        rest /= counts[axis]
        let range = place * tile[axis]..<min((place + 1) * tile[axis], grid[axis])
        // The last axis runs fastest, so outer axes are laid around the tokens so far.
        tokens = range.flatMap { at in tokens.map { $0 + at * step } }
        step *= grid[axis]
      }
      order += tokens.map { Int32($0) }
      starts.append(order.count)
    }
    return (order.indices.allSatisfy { order[$0] == $0 } ? nil : order, starts)
  }
}

/// Two ascending, disjoint ranges of forced blocks.
public struct ForcedPlaces: Hashable, Sendable {
  public let first: Range<Int>
  public let near: Range<Int>

  public init(first: Range<Int>, near: Range<Int>) {
    self.first = first
    self.near = near
  }

  public var count: Int { first.count + near.count }
  public func contains(_ block: Int) -> Bool { first.contains(block) || near.contains(block) }
}
