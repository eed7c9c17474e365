// SPDX-License-Identifier: MIT

import AttentionCore
import Simulator
import Testing

@Suite struct StrideSearchTests {
  private static let video = NeighborhoodMask(
    axes: zip([30, 48, 80], [18, 24, 24]).map {
      AxisWindow(length: $0, window: $1, stride: 1, dilation: 1, isCausal: false)
    })
  private static let videoTiles = TilePair(query: [4, 8, 8], key: [2, 8, 8])

  @Test func theVideoFrontIsThePublishedList() throws {
    let search = try StrideSearch(mask: Self.video, tiles: [Self.videoTiles])
    #expect(search.strideCount == 10_368)
    let front = try search.front()
    #expect(
      front.map(\.stride.description) == [
        "1x1x1", "2x1x1", "1x1x8", "2x1x8", "1x8x8", "2x8x8", "16x8x8",
      ])
    #expect(front.map(\.figures.tilesWorst) == [275, 250, 165, 150, 99, 90, 81])
  }

  @Test func theFrontIsThatOfEveryStride() throws {
    for problem in RandomProblem.many(60, seed: 21, longest: [24, 10, 6]) {
      let other = TilePair(query: problem.tiles.key, key: problem.tiles.query)
      for tiling in [Tiling.static, .dynamic] {
        let front = try StrideSearch(
          mask: problem.mask, tiles: [problem.tiles, other], tiling: tiling
        ).front()
        let expected = try Self.exhaustive(problem.mask, [problem.tiles, other], tiling)
        #expect(front.map(\.stride) == expected.map(\.stride), "\(problem)")
        #expect(front.map(\.figures) == expected.map(\.figures), "\(problem)")
        #expect(front.map(\.tiles) == expected.map(\.tiles), "\(problem)")
      }
    }
  }

  @Test func everyTileShapeOfTheVideoIsSearchedWithinSeconds() throws {
    let tiles = TilePair.all(queryTokens: 256, keyTokens: 128, grid: Self.video.grid)
    #expect(tiles.contains(Self.videoTiles))
    #expect(tiles.allSatisfy { $0.query.count == 256 && $0.key.count == 128 })
    let clock = ContinuousClock()
    var front: [StrideSearch.Entry] = []
    let time = try clock.measure {
      front = try StrideSearch(mask: Self.video, tiles: tiles).front()
    }
    #expect(time < .seconds(10))
    let bounds = front.map(\.figures.worstTileBound)
    #expect(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 })
    #expect(try #require(bounds.last) >= 11.1)
  }

  @Test func tileShapesAloneKeepTheMasksStride() throws {
    let tiles = TilePair.all(queryTokens: 256, keyTokens: 128, grid: Self.video.grid)
    let best = try StrideSearch.bestTiles(mask: Self.video, tiles: tiles, tiling: .static)
    let highest = try tiles.map {
      try TileCounter.figures(mask: Self.video, tiles: $0, tiling: .static).worstTileBound
    }.max()
    #expect(best.last?.figures.worstTileBound == highest)
    #expect(best.allSatisfy { $0.stride == [1, 1, 1] })
    let bounds = best.map(\.figures.worstTileBound)
    #expect(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test func flatTilesAreRefused() {
    #expect(throws: SimulatorError.self) {
      try StrideSearch(mask: Self.video, tiles: [Self.videoTiles], tiling: .flat)
    }
  }

  /// The front by counting every stride and tile shape.
  private static func exhaustive(
    _ mask: NeighborhoodMask, _ tiles: [TilePair], _ tiling: Tiling
  ) throws -> [(stride: Extents, tiles: TilePair, figures: TileFigures)] {
    let strides = mask.axes.reduce([[Int]]([[]])) { known, axis in
      known.flatMap { head in (1...axis.window).map { head + [$0] } }
    }.sorted {
      let products = ($0.reduce(1, *), $1.reduce(1, *))
      return products.0 == products.1
        ? $0.lexicographicallyPrecedes($1) : products.0 < products.1
    }
    var found: [(stride: Extents, tiles: TilePair, figures: TileFigures)] = []
    var best = 0.0
    for stride in strides {
      let axes = zip(mask.axes, stride).map { axis, stride in
        AxisWindow(
          length: axis.length, window: axis.window, stride: stride, dilation: axis.dilation,
          isCausal: axis.isCausal)
      }
      let strided = NeighborhoodMask(axes: axes, extraKeys: mask.extraKeys)
      for pair in tiles {
        let figures = try TileCounter.figures(mask: strided, tiles: pair, tiling: tiling)
        guard figures.worstTileBound > best else { continue }
        best = figures.worstTileBound
        found.append((Extents(stride), pair, figures))
      }
    }
    return found
  }
}
