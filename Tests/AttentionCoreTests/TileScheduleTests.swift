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
