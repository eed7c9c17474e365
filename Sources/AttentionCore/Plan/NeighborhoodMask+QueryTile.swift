// SPDX-License-Identifier: MIT

extension NeighborhoodMask {
  /// The query tile of at most `tile.lanes` tokens whose key tiles are fewest; ties go to the
  /// longest last axis, then the longest middle one.
  public func queryTile(fitting tile: TileSize) -> Extents {
    var best: (cost: Int, extents: [Int])?
    for extents in Self.factorings(of: tile.lanes, rank: axes.count) {
      let cost = keyTiles(queryTile: extents, keysPerTile: tile.keys)
      if let known = best,
        (known.cost, known.extents.lexicographicKey)
          <= (cost, extents.lexicographicKey)
      {
        continue
      }
      best = (cost, extents)
    }
    return Extents(best?.extents ?? [Int](repeating: 1, count: axes.count))
  }

  /// Key tiles that all query tiles visit: per axis the keys of the bounding boxes, on the last
  /// axis in key tiles.
  func keyTiles(queryTile: [Int], keysPerTile: Int) -> Int {
    axes.enumerated().reduce(1) { product, axis in
      let depth = axis.offset == axes.count - 1 ? keysPerTile : 1
      return product * axis.element.boxKeys(queryTile: queryTile[axis.offset], keysPerTile: depth)
    }
  }

  private static func factorings(of lanes: Int, rank: Int) -> [[Int]] {
    guard rank > 1 else { return [[lanes]] }
    return (1...lanes).filter { lanes.isMultiple(of: $0) }.flatMap { first in
      factorings(of: lanes / first, rank: rank - 1).map { [first] + $0 }
    }
  }
}

extension AxisWindow {
  /// Key tiles of the bounding boxes of all query tiles of this axis, over all dilation classes.
  func boxKeys(queryTile: Int, keysPerTile: Int) -> Int {
    var total = 0
    for residue in 0..<dilation {
      let count = classLength(residue: residue)
      for first in Swift.stride(from: 0, to: count, by: queryTile) {
        let last = min(first + queryTile, count) - 1
        let low = range(index: first, count: count).lowerBound
        let high = range(index: last, count: count).upperBound
        total += (high - low + keysPerTile - 1) / keysPerTile
      }
    }
    return total
  }
}

extension [Int] {
  /// Compares so that a longer last axis comes first.
  fileprivate var lexicographicKey: Int {
    reversed().reduce(0) { $0 * 64 - $1 }
  }
}
