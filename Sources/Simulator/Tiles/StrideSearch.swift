// SPDX-License-Identifier: MIT

import AttentionCore

/// Strides and tile shapes of a neighborhood that give the highest worst-tile bound.
///
/// A larger stride saves tiles and blurs the window. The list is the Pareto front: in order of the
/// product of strides, ties in lexicographic order, then in the order of the tile shapes, each
/// entry is strictly better than all before it.
///
/// Source: Hassani et al., *Generalized Neighborhood Attention* (2025), arXiv:2504.16922, sec. 4.
public struct StrideSearch: Sendable {
  public struct Entry: Hashable, Sendable, Codable {
    public let stride: Extents
    public let tiles: TilePair
    public let figures: TileFigures
  }

  private let mask: NeighborhoodMask
  private let tiles: [TilePair]
  private let tiling: Tiling

  /// A search over every stride from 1 to the window on each axis of `mask`, whose own strides do
  /// not matter, and over `tiles`.
  ///
  /// - Throws: ``SimulatorError`` if the mask or a tile breaks a rule, or
  ///   ``SimulatorError/notSearchable(reason:)`` if `tiling` is flat, which mixes axes.
  public init(
    mask: NeighborhoodMask, tiles: [TilePair], tiling: Tiling = .static
  ) throws(SimulatorError) {
    guard tiling != .flat else {
      throw .notSearchable(
        reason: "flat tiles mix the axes, so strides cannot be weighed one axis at a time; use "
          + "static or dynamic tiles")
    }
    self.mask = mask.with(stride: [Int](repeating: 1, count: mask.axes.count))
    try self.mask.validate()
    for pair in tiles { try pair.validate(mask: mask, tiling: tiling) }
    self.tiles = tiles
    self.tiling = tiling
  }

  /// The best of `tiles` for `mask` with its own strides: each entry is strictly better than all
  /// before it.
  ///
  /// - Throws: ``SimulatorError`` if the mask or a tile breaks a rule.
  public static func bestTiles(
    mask: NeighborhoodMask, tiles: [TilePair], tiling: Tiling
  ) throws(SimulatorError) -> [Entry] {
    var entries: [Entry] = []
    for pair in tiles {
      let figures = try TileCounter.figures(mask: mask, tiles: pair, tiling: tiling)
      guard figures.worstTileBound > entries.last?.figures.worstTileBound ?? 0 else { continue }
      entries.append(
        Entry(stride: Extents(mask.axes.map(\.stride)), tiles: pair, figures: figures))
    }
    return entries
  }

  /// How many strides the search covers per tile shape.
  public var strideCount: Int { mask.axes.reduce(1) { $0 * $1.window } }

  /// The Pareto front.
  public func front() throws(SimulatorError) -> [Entry] {
    var candidates: [Candidate] = []
    for (index, pair) in tiles.enumerated() { candidates += self.candidates(pair, index) }
    candidates.sort()
    var entries: [Entry] = []
    var best = 0.0
    for candidate in candidates where candidate.bound > best {
      best = candidate.bound
      let pair = tiles[candidate.tiles]
      let figures = try TileCounter.figures(
        mask: mask.with(stride: candidate.stride), tiles: pair, tiling: tiling)
      entries.append(Entry(stride: Extents(candidate.stride), tiles: pair, figures: figures))
    }
    return entries
  }

  private struct Candidate: Comparable {
    let stride: [Int]
    let product: Int
    let tiles: Int
    let bound: Double

    static func < (left: Self, right: Self) -> Bool {
      if left.product != right.product { return left.product < right.product }
      if left.stride != right.stride { return left.stride.lexicographicallyPrecedes(right.stride) }
      return left.tiles < right.tiles
    }
  }

  private func candidates(_ pair: TilePair, _ index: Int) -> [Candidate] {
    let axes = mask.axes.indices.map { improvements(axis: $0, pair) }
    let extra = mask.extraKeys.dividedUp(by: pair.key.count)
    let tokens = mask.grid.count
    let dense =
      tiling == .dynamic
      ? (tokens + mask.extraKeys).dividedUp(by: pair.key.count)
      : mask.grid.tiles(of: pair.key) + extra
    return axes.reduce([(stride: [Int](), worst: 1)]) { partial, axis in
      partial.flatMap { known in
        axis.map { (known.stride + [$0.stride], known.worst * $0.worst) }
      }
    }.map {
      Candidate(
        stride: $0.stride, product: $0.stride.reduce(1, *), tiles: index,
        bound: Double(dense) / Double($0.worst + extra))
    }
  }

  /// Strides of one axis that lower its worst count below that of every smaller stride.
  ///
  /// Any other stride has a smaller one that is at least as good on this axis and so has a smaller
  /// product: it can never be a strict improvement, and need not be combined with other axes.
  private func improvements(axis: Int, _ pair: TilePair) -> [(stride: Int, worst: Int)] {
    var found: [(stride: Int, worst: Int)] = []
    for stride in 1...mask.axes[axis].window {
      let counts = AxisTiles(
        .window(mask.axes[axis].with(stride: stride)), queryTile: pair.query[axis],
        keyTile: pair.key[axis], isDynamic: tiling == .dynamic)
      if counts.worst < found.last?.worst ?? .max { found.append((stride, counts.worst)) }
    }
    return found
  }
}

extension TilePair {
  /// Every pair of tiles with `queryTokens` and `keyTokens` tokens whose extents divide them and
  /// fit `grid` up to the next power of two; the longest last axis comes last.
  public static func all(queryTokens: Int, keyTokens: Int, grid: Extents) -> [TilePair] {
    let queries = shapes(of: queryTokens, grid: grid.values)
    let keys = shapes(of: keyTokens, grid: grid.values)
    return queries.flatMap { query in
      keys.map { TilePair(query: Extents(query), key: Extents($0)) }
    }
  }

  private static func shapes(of tokens: Int, grid: [Int]) -> [[Int]] {
    guard let length = grid.first, tokens >= 1 else { return [] }
    let rest = Array(grid.dropFirst())
    guard !rest.isEmpty else { return tokens <= length.nextPowerOfTwo ? [[tokens]] : [] }
    return (1...min(tokens, length.nextPowerOfTwo)).reversed()
      .filter { tokens.isMultiple(of: $0) }
      .flatMap { extent in shapes(of: tokens / extent, grid: rest).map { [extent] + $0 } }
  }
}

extension NeighborhoodMask {
  func with(stride: [Int]) -> NeighborhoodMask {
    NeighborhoodMask(
      axes: axes.indices.map { axes[$0].with(stride: stride[$0]) }, extraKeys: extraKeys)
  }
}

extension AxisWindow {
  func with(stride: Int) -> AxisWindow {
    AxisWindow(
      length: length, window: window, stride: stride, dilation: dilation, isCausal: isCausal)
  }
}
