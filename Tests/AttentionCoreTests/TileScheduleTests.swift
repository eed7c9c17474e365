// SPDX-License-Identifier: MIT

import AttentionCore
import Testing

@Suite struct TileScheduleTests {
  /// Pairs that the runs and masks of a schedule let through, as (query, key).
  private func pairs(_ schedule: TileSchedule) -> [[Int]] {
    schedule.strips.flatMap { strip in
      schedule.runs[strip.runs].flatMap { run in
        (0..<Int(run.count)).flatMap { index -> [[Int]] in
          let key = Int(run.firstKey) + index * Int(run.step)
          let word = run.mask < 0 ? UInt32.max : schedule.masks[Int(run.mask) + index]
          return strip.queries.enumerated().compactMap { lane, place in
            word >> UInt32(lane) & 1 == 1 ? [Int(schedule.queries[place]), key] : nil
          }
        }
      }
    }
  }

  @Test(arguments: [(70, 70), (33, 65), (65, 33), (1, 9), (9, 1)], [4, 24, 32])
  func sequencesCoverExactlyTheVisiblePairs(lengths: (Int, Int), lanes: Int) throws {
    for causality in Causality.allCases {
      let shape = try AttentionShape(
        queryLength: lengths.0, keyLength: lengths.1, headDim: 1, causality: causality)
      let schedule = TileSchedule(
        stage: Attend(), shape: shape, tile: TileSize(lanes: lanes, keys: 8))
      let expected = (0..<lengths.0).flatMap { query in
        (0..<shape.visibleKeys(query: query)).map { [query, $0] }
      }
      #expect(Set(pairs(schedule)) == Set(expected))
      #expect(pairs(schedule).count == expected.count)
    }
  }

  @Test func fullRunsComeFirstAndHoldNoMaskedPair() throws {
    let shape = try AttentionShape(queryLength: 200, headDim: 1, causality: .bottomRight)
    let schedule = TileSchedule(stage: Attend(), shape: shape, tile: .standard)
    for strip in schedule.strips {
      let masks = schedule.runs[strip.runs].map { $0.mask >= 0 }
      #expect(masks == masks.sorted { !$0 && $1 })
    }
    #expect(schedule.counts.evaluatedPairs >= 200 * 201 / 2)
    #expect(schedule.counts.full < schedule.counts.visited)
  }

  @Test(arguments: [QueryTiling.flat, .fitted, .fixed([2, 3])])
  func everyTilingOfANeighborhoodHasTheSamePairs(tiling: QueryTiling) throws {
    let mask = NeighborhoodMask(
      axes: [
        AxisWindow(length: 9, window: 3, stride: 2, dilation: 2, isCausal: false),
        AxisWindow(length: 7, window: 4, stride: 1, dilation: 1, isCausal: true),
      ], extraKeys: 2)
    let shape = try AttentionShape(
      queryLength: 63, keyLength: 65, headDim: 1, grid: [9, 7])
    let schedule = TileSchedule(
      stage: Attend(rule: .neighborhood(mask), queryTiling: tiling), shape: shape,
      tile: .standard)
    let expected = (0..<63).flatMap { query in
      (mask.keys(of: query) + [63, 64]).map { [query, $0] }
    }
    #expect(Set(pairs(schedule)) == Set(expected))
    #expect(pairs(schedule).count == mask.attendedPairs)
  }

  /// Keys of every strip, in the order of the strips.
  private func keys(_ schedule: TileSchedule) -> [Set<Int>] {
    schedule.strips.map { strip in
      schedule.runs[strip.runs].reduce(into: []) { keys, run in
        keys.formUnion((0..<Int(run.count)).map { Int(run.firstKey) + $0 * Int(run.step) })
      }
    }
  }

  @Test func tilesOfAStrideGroupFollowEachOtherAndThenTheGroupThatOverlapsIt() throws {
    let mask = NeighborhoodMask(
      axes: [(16, 4), (16, 8), (16, 8)].map {
        AxisWindow(length: $0.0, window: 8, stride: $0.1, dilation: 1, isCausal: false)
      })
    let shape = try AttentionShape(queryLength: 4096, headDim: 1, grid: [16, 16, 16])
    let schedule = TileSchedule(
      stage: Attend(rule: .neighborhood(mask), queryTiling: .fixed([1, 4, 8])), shape: shape,
      tile: .standard)
    let keys = keys(schedule)
    // A group of 4 x 8 x 8 queries is eight tiles of 1 x 4 x 8.
    try #require(keys.count == 128)
    for first in stride(from: 0, to: 128, by: 8) {
      #expect(Set(keys[first..<first + 8]).count == 1)
    }
    // Four groups along the first axis, the only one whose windows overlap, before the next column.
    for first in stride(from: 0, to: 128, by: 32) {
      for group in stride(from: first + 8, to: first + 32, by: 8) {
        #expect(!keys[group].isDisjoint(with: keys[group - 8]))
      }
    }
  }

  @Test func tilesThatStraddleStrideGroupsCoverTheGridOnce() throws {
    for stride in 1...7 {
      let window = AxisWindow(
        length: 23, window: 7, stride: stride, dilation: 1, isCausal: false)
      let shape = try AttentionShape(queryLength: 529, headDim: 1, grid: [23, 23])
      let schedule = TileSchedule(
        stage: Attend(
          rule: .neighborhood(NeighborhoodMask(axes: [window, window])),
          queryTiling: .fixed([4, 5])), shape: shape, tile: .standard)
      #expect(schedule.queries.sorted() == (0..<529).map { Int32($0) })
    }
  }

  @Test func selectedPairsDoNotDependOnTheSelection() throws {
    let shape = try AttentionShape(queryLength: 100, headDim: 1, causality: .bottomRight)
    let stage = AttendSelected(blockSize: 16, topK: 3, order: .byBlock)
    let counted = (0..<100).reduce(0) { sum, query in
      sum + query % 16 + 1 + min(2, query / 16) * 16
    }
    #expect(stage.attendedPairs(shape: shape) == counted)
    let all = AttendSelected(blockSize: 16, topK: 7, order: .byBlock)
    #expect(all.attendedPairs(shape: shape) == 100 * 101 / 2)
  }
}
