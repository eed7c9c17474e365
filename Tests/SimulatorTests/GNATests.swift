// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import Simulator
import Testing

@Suite struct GNATests {
  @Test func everyStaticCountOfThePublishedProblemsIsExact() throws {
    let cases = try GNACases.load().cases
    #expect(cases.count == 30)
    for problem in cases {
      let figures = try TileCounter.figures(
        mask: problem.mask, tiles: problem.tiles, tiling: .static)
      let context = Comment(rawValue: problem.name)
      #expect(figures.attendedPairs == problem.attendedPairs, context)
      #expect(figures.allPairs == problem.tokens * problem.tokens, context)
      #expect(figures.queryTiles == problem.qTiles, context)
      #expect(figures.tilesTotal == problem.tilesTotal, context)
      #expect(figures.tilesVisited == problem.tilesVisited, context)
      #expect(figures.tilesFull == problem.tilesFull, context)
      #expect(figures.tilesPartial == problem.tilesPartial, context)
      #expect(figures.tilesWorst == problem.maxKvTilesVisited, context)
      #expect(figures.denseTilesPerQueryTile == problem.kvTilesDense, context)
      #expect(figures.isPerfectlyBlockSparse == problem.perfectlyBlockSparse, context)
      #expect(figures.flopBound == problem.flopSpeedup, context)
      #expect(figures.tileBound == problem.tileSpeedup, context)
      #expect(figures.worstTileBound == problem.simSpeedupStatic, context)
    }
  }

  @Test func everyDynamicCountOfThePublishedProblemsIsExact() throws {
    for problem in try GNACases.load().cases {
      let figures = try TileCounter.figures(
        mask: problem.mask, tiles: problem.tiles, tiling: .dynamic)
      let context = Comment(rawValue: problem.name)
      #expect(figures.tilesVisited == problem.tilesDynamic, context)
      #expect(figures.tilesWorst == problem.maxKvTilesDynamic, context)
      #expect(figures.worstTileBound == problem.simSpeedupDynamic, context)
      #expect(figures.tilesTotal == problem.tilesTotal1D, context)
    }
  }

  @Test func flatTilesOfThePublishedProblemsAreExact() throws {
    for problem in try GNACases.load().singleDimTiling {
      let figures = try TileCounter.figures(
        mask: problem.mask, tiles: TilePair(query: problem.qTileSize, key: problem.kvTileSize),
        tiling: .flat)
      #expect(figures.queryTiles == problem.qTiles)
      #expect(figures.denseTilesPerQueryTile == problem.kvTiles)
      #expect(figures.tilesTotal == problem.tilesTotal)
      #expect(figures.tilesVisited == problem.tilesVisited)
      #expect(figures.tilesWorst == problem.maxKvTilesVisited)
      #expect(figures.tileBound == problem.tileSpeedup)
      #expect(figures.worstTileBound == problem.simSpeedupStatic)
    }
  }

  @Test func endToEndTablesArePublishedSpeedUpsOfTheSimulatedOnes() throws {
    let data = try GNACases.load()
    for row in data.endToEnd {
      let problem = try #require(data.cases.first { $0.name == row.case })
      let published = try #require(problem.published)
      let model = try EndToEnd(
        attentionShare: try #require(published.saShareOfE2E),
        steps: try #require(published.totalSteps), denseSteps: row.fullAttentionSteps)
      let figures = try TileCounter.figures(
        mask: problem.mask, tiles: problem.tiles, tiling: .static)
      let speedUp = row.quantity == "flop" ? figures.flopBound : figures.worstTileBound
      // The data are rounded to four decimals.
      #expect(abs(model.speedUp(attention: speedUp) - row.e2eFromRaw) <= 5.1e-5)
      #expect(abs(model.publishedSpeedUp(attention: speedUp) - row.e2eFrom1Decimal) <= 5.1e-5)
      // The paper rounds shares and speed-ups before; its own error is up to 0.0078.
      #expect(abs(model.publishedSpeedUp(attention: speedUp) - row.published) < 0.008)
    }
  }

  @Test func keysOfOneAxisAreThoseOfTheReferenceMask() throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let cases = try decoder.decode([AxisCase].self, from: GNACases.resource("gna_masks_1d"))
    #expect(cases.count == 8)
    for axis in cases {
      let window = AxisWindow(
        length: axis.length, window: axis.window, stride: axis.stride, dilation: axis.dilation,
        isCausal: axis.causal)
      for (query, keys) in axis.attendedKeys.enumerated() {
        let residue = query % axis.dilation
        let range = window.range(
          index: query / axis.dilation, count: window.classLength(residue: residue))
        #expect(range.map { residue + $0 * axis.dilation } == keys)
      }
    }
  }

  @Test func aVideoOfAHundredThousandTokensIsCountedInMicroseconds() throws {
    let problem = try #require(try GNACases.load().cases.first)
    #expect(problem.tokens == 115_200)
    let clock = ContinuousClock()
    let best = try (0..<50).map { _ in
      try clock.measure {
        _ = try TileCounter.figures(mask: problem.mask, tiles: problem.tiles, tiling: .static)
      }
    }.min()
    #expect(try #require(best) < .microseconds(200))
  }
}
