// SPDX-License-Identifier: MIT

import AttentionCore
import Simulator

/// Tile counts of a small problem pair by pair, from a mask predicate of its own.
struct PairwiseCount: Equatable {
  var attended = 0
  var queryTiles = 0
  var visited = 0
  var full = 0
  var worst = 0
  var evaluated = 0

  init(_ figures: TileFigures) {
    attended = figures.attendedPairs
    queryTiles = figures.queryTiles
    visited = figures.tilesVisited
    full = figures.tilesFull
    worst = figures.tilesWorst
    evaluated = figures.evaluatedPairs
  }

  init(_ problem: RandomProblem, tiling: Tiling) {
    let oracle = MaskOracle(problem.mask)
    let queries = Dictionary(grouping: 0..<oracle.tokens) { token in
      tiling == .flat
        ? [token / problem.tiles.query.count] : oracle.tile(token, problem.tiles.query)
    }
    queryTiles = queries.count
    for tile in queries.values {
      add(tile, oracle, oracle.keyTiles(for: tile, problem.tiles.key, tiling))
    }
  }

  private mutating func add(_ queries: [Int], _ oracle: MaskOracle, _ keyTiles: [[Int]]) {
    var visitedHere = 0
    for keys in keyTiles {
      let allowed = queries.reduce(0) { sum, query in
        sum + keys.count { oracle.allows(query: query, key: $0) }
      }
      attended += allowed
      guard allowed > 0 else { continue }
      visitedHere += 1
      evaluated += queries.count * keys.count
      full += allowed == queries.count * keys.count ? 1 : 0
    }
    visited += visitedHere
    worst = max(worst, visitedHere)
  }
}

/// The definition of a neighborhood as a predicate on tokens.
struct MaskOracle {
  let mask: NeighborhoodMask
  let tokens: Int
  private let allowed: [Bool]

  init(_ mask: NeighborhoodMask) {
    self.mask = mask
    let tokens = mask.axes.reduce(1) { $0 * $1.length }
    self.tokens = tokens
    let coordinates = (0..<tokens).map { Self.coordinate(mask, $0) }
    allowed = coordinates.flatMap { query in
      coordinates.map { key in
        mask.axes.indices.allSatisfy { Self.allows(mask.axes[$0], query[$0], key[$0]) }
      }
    }
  }

  func allows(query: Int, key: Int) -> Bool {
    key >= tokens || allowed[query * tokens + key]
  }

  /// Dilation class and tile of a token.
  func tile(_ token: Int, _ extents: Extents) -> [Int] {
    let coordinate = Self.coordinate(mask, token)
    return mask.axes.indices.flatMap { axis in
      let dilation = mask.axes[axis].dilation
      return [coordinate[axis] % dilation, coordinate[axis] / dilation / extents[axis]]
    }
  }

  /// The keys in tiles, as the query tile `queries` would meet them.
  func keyTiles(for queries: [Int], _ extents: Extents, _ tiling: Tiling) -> [[Int]] {
    let extra = Array(tokens..<tokens + mask.extraKeys)
    switch tiling {
    case .flat:
      return chunks(Array(0..<tokens) + extra, extents.count)
    case .static:
      return Dictionary(grouping: 0..<tokens) { tile($0, extents) }.map(\.value)
        + chunks(extra, extents.count)
    case .dynamic:
      return dynamicTiles(for: queries, extents) + chunks(extra, extents.count)
    }
  }

  /// Tiles of the bounding box of the keys that `queries` attend to, cut from its corner.
  private func dynamicTiles(for queries: [Int], _ extents: Extents) -> [[Int]] {
    let axes = mask.axes.indices
    let seen = (0..<tokens).filter { key in
      queries.contains { allows(query: $0, key: key) }
    }.map(classIndex)
    let low = axes.map { axis in seen.map { $0[axis] }.min() ?? 0 }
    let high = axes.map { axis in seen.map { $0[axis] }.max() ?? -1 }
    let residues = residue(queries[0])
    let box = (0..<tokens).filter { key in
      let index = classIndex(key)
      return residue(key) == residues
        && axes.allSatisfy { low[$0] <= index[$0] && index[$0] <= high[$0] }
    }
    return Dictionary(grouping: box) { key in
      axes.map { (classIndex(key)[$0] - low[$0]) / extents[$0] }
    }.map(\.value)
  }

  private func classIndex(_ token: Int) -> [Int] {
    zip(Self.coordinate(mask, token), mask.axes).map { $0 / $1.dilation }
  }

  private func residue(_ token: Int) -> [Int] {
    zip(Self.coordinate(mask, token), mask.axes).map { $0 % $1.dilation }
  }

  private func chunks(_ keys: [Int], _ size: Int) -> [[Int]] {
    stride(from: 0, to: keys.count, by: size).map {
      Array(keys[$0..<min($0 + size, keys.count)])
    }
  }

  private static func coordinate(_ mask: NeighborhoodMask, _ token: Int) -> [Int] {
    var rest = token
    return mask.axes.reversed().map { axis in
      defer { rest /= axis.length }
      return rest % axis.length
    }.reversed()
  }

  /// Whether position `key` is in the window of position `query`, by counting places.
  private static func allows(_ axis: AxisWindow, _ query: Int, _ key: Int) -> Bool {
    let dilation = axis.dilation
    guard query % dilation == key % dilation else { return false }
    let count = (0..<axis.length).count { $0 % dilation == query % dilation }
    let (i, j) = (query / dilation, key / dilation)
    let group = i - i % axis.stride
    if axis.isCausal {
      let leader = min(group + axis.stride - 1, count - 1)
      return j <= i && j > leader - axis.window
    }
    let leader = min(group + axis.stride / 2, count - 1)
    var start = leader - axis.window / 2
    if start + axis.window > count { start = count - axis.window }
    if start < 0 { start = 0 }
    return start <= j && j < start + axis.window
  }
}
