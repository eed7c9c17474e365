// SPDX-License-Identifier: MIT

import AttentionCore
import Simulator
import Testing

@Suite struct TileInvariantTests {
  @Test func boundsAreOrderedWhereTilesDivideAndNothingIsDilated() throws {
    var random = SplitMix64(seed: Seed(3))
    for _ in 0..<500 {
      let rank = Int.random(in: 1...3, using: &random)
      var axes: [AxisWindow] = []
      var query: [Int] = []
      var key: [Int] = []
      for _ in 0..<rank {
        query.append(Int.random(in: 1...4, using: &random))
        key.append(Int.random(in: 1...4, using: &random))
        let length = 12 * Int.random(in: 1...3, using: &random)
        let window = Int.random(in: 1...length, using: &random)
        axes.append(
          AxisWindow(
            length: length, window: window, stride: Int.random(in: 1...window, using: &random),
            dilation: 1, isCausal: Bool.random(using: &random)))
      }
      let mask = NeighborhoodMask(axes: axes)
      let tiles = TilePair(query: Extents(query), key: Extents(key))
      for tiling in [Tiling.static, .dynamic] {
        let figures = try TileCounter.figures(mask: mask, tiles: tiles, tiling: tiling)
        // Equal integers give equal quotients, so no tolerance is needed but for the last bit.
        #expect(figures.worstTileBound <= figures.tileBound * (1 + 1e-15), "\(mask) \(tiles)")
        if tiling == .static {
          #expect(figures.tileBound <= figures.flopBound * (1 + 1e-15), "\(mask) \(tiles)")
        }
      }
    }
  }

  @Test func aWindowOfTheWholeGridGainsNothing() throws {
    let mask = NeighborhoodMask(axes: [5, 12, 9].map { Self.axis($0, window: $0) })
    for tiling in [Tiling.static, .dynamic] {
      let figures = try TileCounter.figures(
        mask: mask, tiles: TilePair(query: [2, 4, 4], key: [1, 1, 9]), tiling: tiling)
      #expect(figures.flopBound == 1)
      #expect(figures.worstTileBound == 1)
      #expect(figures.isPerfectlyBlockSparse)
    }
  }

  @Test(arguments: Tiling.allCases) func tilesOfOneTokenAreThePairs(tiling: Tiling) throws {
    for problem in RandomProblem.many(60, seed: 5, longest: [40, 9, 5]) {
      let one = Extents([Int](repeating: 1, count: tiling == .flat ? 1 : problem.mask.axes.count))
      let figures = try TileCounter.figures(
        mask: problem.mask, tiles: TilePair(query: one, key: one), tiling: tiling)
      #expect(figures.tilesVisited == figures.attendedPairs, "\(problem)")
      #expect(figures.tilesFull == figures.attendedPairs, "\(problem)")
      #expect(figures.evaluatedPairs == figures.attendedPairs, "\(problem)")
      #expect(figures.maskedShare == 0, "\(problem)")
    }
  }

  @Test func dynamicTilesAreNeverMoreThanStaticOnes() throws {
    for problem in RandomProblem.many(600, seed: 6, longest: [60, 12, 7]) {
      let fixed = try TileCounter.figures(
        mask: problem.mask, tiles: problem.tiles, tiling: .static)
      let moving = try TileCounter.figures(
        mask: problem.mask, tiles: problem.tiles, tiling: .dynamic)
      #expect(moving.tilesVisited <= fixed.tilesVisited, "\(problem)")
      #expect(moving.tilesWorst <= fixed.tilesWorst, "\(problem)")
      #expect(moving.attendedPairs <= moving.evaluatedPairs, "\(problem)")
      #expect(moving.evaluatedPairs <= fixed.evaluatedPairs, "\(problem)")
    }
  }

  @Test func flatTilesOfOneAxisAreStaticTiles() throws {
    for problem in RandomProblem.many(300, seed: 8, longest: [80, 80, 80], dilations: 1...1) {
      guard problem.mask.axes.count == 1, problem.mask.extraKeys == 0 else { continue }
      let flat = try TileCounter.figures(mask: problem.mask, tiles: problem.tiles, tiling: .flat)
      #expect(
        flat
          == (try TileCounter.figures(mask: problem.mask, tiles: problem.tiles, tiling: .static)))
    }
  }

  @Test func flatTilesTurnAOnePercentMaskIntoTenPercentOfTheTiles() throws {
    let mask = NeighborhoodMask(axes: [128, 128].map { Self.axis($0, window: 13) })
    let flat = try TileCounter.figures(
      mask: mask, tiles: TilePair(query: 128, key: 128), tiling: .flat)
    let square = try TileCounter.figures(
      mask: mask, tiles: TilePair(query: [8, 8], key: [8, 8]), tiling: .static)
    // 10.16 % is the density that PyTorch prints for this mask.
    #expect((10_000 / flat.tileBound).rounded() == 1_016)
    #expect((10_000 / square.tileBound).rounded() == 323)
    #expect((10_000 / flat.flopBound).rounded() == 103)
  }

  @Test func pairsOfAnAxisAreTheSumOfItsWindows() {
    for length in [1, 2, 7, 24, 61] {
      for dilation in 1...min(length, 5) {
        for window in 1...length / dilation {
          for stride in 1...window {
            for isCausal in [false, true] {
              let axis = AxisWindow(
                length: length, window: window, stride: stride, dilation: dilation,
                isCausal: isCausal)
              let pairs = (0..<dilation).reduce(0) { sum, residue in
                let count = axis.classLength(residue: residue)
                return (0..<count).reduce(sum) { $0 + axis.range(index: $1, count: count).count }
              }
              #expect(axis.attendedPairs == pairs, "\(axis)")
            }
          }
        }
      }
    }
  }

  @Test func countsOfAFourThousandPixelImageFitSixtyFourBits() throws {
    let mask = NeighborhoodMask(axes: [256, 256].map { Self.axis($0, window: 80) })
    let figures = try TileCounter.figures(
      mask: mask, tiles: TilePair(query: [1, 1], key: [1, 1]), tiling: .static)
    #expect(figures.allPairs == 4_294_967_296)
    #expect(figures.tilesVisited == 419_430_400)
  }

  private static func axis(_ length: Int, window: Int) -> AxisWindow {
    AxisWindow(length: length, window: window, stride: 1, dilation: 1, isCausal: false)
  }
}
