// SPDX-License-Identifier: MIT

import AttentionCore
import Testing

@Suite struct AttentionMapTests {
  private static let mask = NeighborhoodMask(
    axes: [
      AxisWindow(length: 9, window: 4, stride: 2, dilation: 2, isCausal: false),
      AxisWindow(length: 11, window: 5, stride: 1, dilation: 1, isCausal: true),
    ], extraKeys: 3)

  @Test(arguments: [QueryTiling.flat, .fitted, .fixed([2, 3])])
  func aMapAttendsToTheKeysOfItsMask(tiling: QueryTiling) throws {
    let mask = Self.mask
    let shape = try AttentionShape(
      queryLength: 99, keyLength: 102, headDim: 1, grid: mask.grid)
    let stage = Attend(rule: .neighborhood(mask), queryTiling: tiling)
    let schedule = TileSchedule(stage: stage, shape: shape, tile: TileSize(lanes: 6, keys: 4))
    let map = AttentionMap(schedule: schedule, queryLength: 99, grid: mask.grid)
    for query in 0..<99 {
      let expected = mask.keys(of: query) + [99, 100, 101]
      #expect((0..<102).filter { map.attends(query, $0) } == expected)
      #expect(map.strip(of: query).contains(query))
    }
    #expect(map.attendedPairs == mask.attendedPairs)
  }

  @Test func everyPairOfATileIsComputedOnce() throws {
    let shape = try AttentionShape(
      queryLength: 100, keyLength: 130, headDim: 1, causality: .bottomRight)
    let schedule = TileSchedule(stage: Attend(), shape: shape, tile: .standard)
    let map = AttentionMap(schedule: schedule, queryLength: 100)
    var computed = 0
    for query in 0..<100 {
      for key in 0..<130 where map[query, key] != .skipped { computed += 1 }
      #expect((0..<130).count { map.attends(query, $0) } == shape.visibleKeys(query: query))
    }
    #expect(computed == schedule.counts.evaluatedPairs)
    #expect(map.tiles == schedule.counts)
    #expect(map[99, 0] == .full)
    #expect(map[64, 0] == .full)
    #expect(map[0, 60] == .masked)
    #expect(map[0, 129] == .skipped)
  }

  @Test func aPredicateMakesAMapWithoutTiles() throws {
    let shape = try AttentionShape(queryLength: 5, headDim: 1)
    let map = AttentionMap(shape: shape) { $0 == $1 }
    #expect(map.attendedPairs == 5)
    #expect(map[2, 2] == .full)
    #expect(map.tiles == nil)
    #expect(!map.isDense)
    #expect(AttentionMap(shape: shape) { _, _ in true }.isDense)
  }
}
