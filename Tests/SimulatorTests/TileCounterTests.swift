// SPDX-License-Identifier: MIT

import AttentionCore
import Simulator
import Testing

@Suite struct TileCounterTests {
  @Test(arguments: Tiling.allCases)
  func countsEqualThoseOfEveryPair(tiling: Tiling) throws {
    for problem in RandomProblem.many(300, seed: 7, longest: [40, 9, 5]) {
      let tiles =
        tiling == .flat
        ? TilePair(query: problem.tiles.query.count, key: problem.tiles.key.count) : problem.tiles
      let figures = try TileCounter.figures(mask: problem.mask, tiles: tiles, tiling: tiling)
      #expect(
        PairwiseCount(figures) == PairwiseCount(problem, tiling: tiling), "\(problem)")
    }
  }

  @Test func dynamicCountsEqualTheSchedulesOfTheEngine() throws {
    var random = SplitMix64(seed: Seed(11))
    for problem in RandomProblem.many(3_000, seed: 12, longest: [120, 16, 8]) {
      let size = TileSize(
        lanes: Int.random(in: 1...32, using: &random), keys: Int.random(in: 1...16, using: &random))
      let stage = Attend(rule: .neighborhood(problem.mask), queryTiling: .fitted)
      let shape = try Self.shape(of: problem.mask)
      let schedule = TileSchedule(stage: stage, shape: shape, tile: size)
      let figures = try TileCounter.figures(
        mask: problem.mask,
        tiles: .engine(queryTile: problem.mask.queryTile(fitting: size), size), tiling: .dynamic)
      expectEqual(figures, schedule, "\(problem.mask) \(size)")
    }
  }

  @Test func sequenceCountsEqualTheSchedulesOfTheEngine() throws {
    var random = SplitMix64(seed: Seed(13))
    for _ in 0..<2_000 {
      let shape = try AttentionShape(
        queryLength: Int.random(in: 1...200, using: &random),
        keyLength: Int.random(in: 1...200, using: &random), headDim: 4,
        causality: Causality.allCases.randomElement(using: &random) ?? .none)
      let size = TileSize(
        lanes: Int.random(in: 1...32, using: &random), keys: Int.random(in: 1...16, using: &random))
      let schedule = TileSchedule(stage: Attend(), shape: shape, tile: size)
      let figures = try TileCounter.figures(
        sequence: shape, tiles: TilePair(query: size.lanes, key: size.keys), tiling: .dynamic)
      expectEqual(figures, schedule, "\(shape) \(size)")
    }
  }

  @Test func staticSequenceCountsEqualThoseOfEveryPair() throws {
    var random = SplitMix64(seed: Seed(17))
    for _ in 0..<300 {
      let shape = try AttentionShape(
        queryLength: Int.random(in: 1...40, using: &random),
        keyLength: Int.random(in: 1...40, using: &random), headDim: 4,
        causality: Causality.allCases.randomElement(using: &random) ?? .none)
      let tiles = TilePair(
        query: Int.random(in: 1...9, using: &random), key: Int.random(in: 1...9, using: &random))
      let figures = try TileCounter.figures(sequence: shape, tiles: tiles, tiling: .static)
      var visited = 0
      var full = 0
      for first in stride(from: 0, to: shape.queryLength, by: tiles.query.count) {
        let queries = first..<min(first + tiles.query.count, shape.queryLength)
        for key in stride(from: 0, to: shape.keyLength, by: tiles.key.count) {
          let keys = key..<min(key + tiles.key.count, shape.keyLength)
          let seen = queries.reduce(0) { sum, query in
            sum + keys.count { $0 < shape.visibleKeys(query: query) }
          }
          visited += seen > 0 ? 1 : 0
          full += seen == queries.count * keys.count ? 1 : 0
        }
      }
      #expect(figures.tilesVisited == visited, "\(shape) \(tiles)")
      #expect(figures.tilesFull == full, "\(shape) \(tiles)")
    }
  }

  @Test func causalAttentionVisitsTheLowerTriangle() throws {
    let shape = try AttentionShape(queryLength: 1024, headDim: 64, causality: .bottomRight)
    let figures = try TileCounter.figures(
      sequence: shape, tiles: TilePair(query: 128, key: 128), tiling: .static)
    #expect(figures.attendedPairs == 1024 * 1025 / 2)
    #expect(figures.tilesVisited == 36)
    #expect(figures.tilesFull == 28)
    #expect(figures.tilesWorst == 8)
  }

  @Test func aDecodeStepVisitsEveryKeyTileOnce() throws {
    let shape = try AttentionShape(
      queryLength: 1, keyLength: 4_097, headDim: 64, causality: .bottomRight)
    let figures = try TileCounter.figures(
      sequence: shape, tiles: TilePair(query: 32, key: 8), tiling: .dynamic)
    #expect(figures.tilesVisited == 513)
    #expect(figures.isPerfectlyBlockSparse)
    #expect(figures.queryPaddingWaste == 1 - 1.0 / 32)
    #expect(figures.waves(heads: 200, units: 96) == 3)
  }

  private func expectEqual(
    _ figures: TileFigures, _ schedule: TileSchedule, _ context: @autoclosure () -> String
  ) {
    let enumerated = TileFigures(schedule: schedule)
    let counts = schedule.counts
    let isEqual =
      figures.tilesVisited == counts.visited && figures.tilesFull == counts.full
      && figures.tilesWorst == counts.worst && figures.evaluatedPairs == counts.evaluatedPairs
      && figures.denseTilesPerQueryTile == counts.densePerQueryTile
      && figures.attendedPairs == enumerated.attendedPairs
      && figures.queryTiles == enumerated.queryTiles
    #expect(isEqual, "\(context()): \(figures) \(counts)")
  }

  private static func shape(of mask: NeighborhoodMask) throws -> AttentionShape {
    try AttentionShape(
      queryLength: mask.grid.count, keyLength: mask.grid.count + mask.extraKeys, headDim: 4)
  }
}
