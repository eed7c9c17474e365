// SPDX-License-Identifier: MIT

import AttentionCore
import Simulator
import Testing

/// Key patterns: their schedules and counts against the plain meaning of the patterns.
@Suite struct PatternTileTests {
  /// A random pattern of every kind over `length` tokens.
  private static func pattern(
    _ random: inout SplitMix64, length: Int, depth: Int = 2
  ) -> KeyPattern {
    let choice = Int.random(in: 0..<(depth > 0 ? 10 : 8), using: &random)
    switch choice {
    case 0: return .band(from: -Int.random(in: 0...40, using: &random), to: 0)
    case 1: return .band(from: nil, to: Int.random(in: -20...20, using: &random))
    case 2: return .keys(0..<Int.random(in: 0...length, using: &random))
    case 3:
      let first = Int.random(in: 0..<length, using: &random)
      return .queries(first..<length)
    case 4:
      let classes = Int.random(in: 1...9, using: &random)
      return .classes(TokenClasses((0..<length).map { $0 / 5 % classes - ($0 % 11 == 0 ? 1 : 0) }))
    case 5:
      let step = Int.random(in: 2...7, using: &random)
      return .classes(TokenClasses((0..<length).map { $0 % step }))
    case 6:
      let block = Int.random(in: 1...40, using: &random)
      let count = (length + block - 1) / block
      return .blocks(
        BlockTable(
          queryBlock: block, keyBlock: block,
          rows: (0..<count).map { _ in (0..<count).filter { _ in Bool.random(using: &random) } }))
    case 7:
      return .spans(
        SpanTable(
          (0..<length).map { _ in
            (0..<Int.random(in: 0...3, using: &random)).map { _ in
              let first = Int.random(in: 0..<length, using: &random)
              return first..<min(first + Int.random(in: 0...20, using: &random), length)
            }
          }))
    case 8:
      return .union((0..<2).map { _ in pattern(&random, length: length, depth: depth - 1) })
    default:
      return .intersection((0..<2).map { _ in pattern(&random, length: length, depth: depth - 1) })
    }
  }

  @Test(arguments: 0..<150)
  func schedulesShowEveryQueryItsKeysAndTheCounterAgrees(seed: Int) throws {
    var random = SplitMix64(seed: Seed(UInt64(seed)))
    let length = Int.random(in: 1...150, using: &random)
    let shape = try AttentionShape(queryHeads: 3, queryLength: length, headDim: 8)
    let order = QueryOrder.classes((0..<length).map { $0 * 7 % 5 })
    let perHead = (0..<3).map { _ in
      HeadPattern(
        Self.pattern(&random, length: length),
        order: Bool.random(using: &random) ? order : .sequence)
    }
    let heads = HeadPatterns(perHead: perHead, shape: shape)
    let stage = Attend(rule: .patterns(heads))
    let lanes = [1, 13, 24, 32].randomElement(using: &random) ?? 32
    let keys = Int.random(in: 1...9, using: &random)
    let schedules = HeadSchedules(
      stage: stage, shape: shape, tile: TileSize(lanes: lanes, keys: keys))
    var pairs = 0
    for (head, pattern) in perHead.enumerated() {
      let schedule = schedules.schedules[schedules.ofHead[head]]
      for (query, seen) in schedule.keysOfQueries(length) {
        let expected = pattern.keys.spans(of: query, keyLength: length).flatMap { Array($0) }
        #expect(seen == expected)
        pairs += expected.count
      }
    }
    let total = Attend(rule: .patterns(heads)).rule.attendedPairsOfHeads(shape: shape)
    #expect(total == pairs)

    let counted = try TileCounter.figures(
      patterns: heads, shape: shape, tiles: TilePair(query: [lanes], key: [keys]), .dynamic)
    let counts = schedules.counts
    #expect(counted.tilesVisited == counts.visited)
    #expect(counted.tilesFull == counts.full)
    #expect(counted.tilesWorst == counts.worst)
    #expect(counted.evaluatedPairs == counts.evaluatedPairs)
  }

  @Test(arguments: 0..<100)
  func alignedTilesAreThoseThatHoldAnAttendedPair(seed: Int) throws {
    var random = SplitMix64(seed: Seed(UInt64(1000 + seed)))
    let length = Int.random(in: 1...90, using: &random)
    let shape = try AttentionShape(queryLength: length, headDim: 8)
    let pattern = Self.pattern(&random, length: length)
    let tiles = TilePair(
      query: [Int.random(in: 1...40, using: &random)], key: [Int.random(in: 1...20, using: &random)]
    )
    let counted = try TileCounter.figures(
      patterns: HeadPatterns(HeadPattern(pattern), shape: shape), shape: shape, tiles: tiles,
      .static)
    let (queryTile, keyTile) = (tiles.query.count, tiles.key.count)
    var (visited, full, attended, evaluated) = (0, 0, 0, 0)
    for firstQuery in stride(from: 0, to: length, by: queryTile) {
      let queries = firstQuery..<min(firstQuery + queryTile, length)
      let seen = queries.map {
        Set(pattern.spans(of: $0, keyLength: length).flatMap { Array($0) })
      }
      for firstKey in stride(from: 0, to: length, by: keyTile) {
        let keys = firstKey..<min(firstKey + keyTile, length)
        let pairs = seen.reduce(0) { $0 + keys.count(where: $1.contains) }
        attended += pairs
        visited += pairs > 0 ? 1 : 0
        full += pairs == queries.count * keys.count ? 1 : 0
        evaluated += pairs > 0 ? queries.count * keys.count : 0
      }
    }
    #expect(counted.tilesVisited == visited)
    #expect(counted.tilesFull == full)
    #expect(counted.attendedPairs == attended)
    #expect(counted.evaluatedPairs == evaluated)
  }
}

extension TileSchedule {
  /// The keys that each query really sees, by the lane masks.
  fileprivate func keysOfQueries(_ length: Int) -> [(query: Int, keys: [Int])] {
    var keys = [[Int]](repeating: [], count: length)
    for strip in strips {
      for (lane, query) in queries[strip.queries].enumerated() {
        for run in runs[strip.runs] {
          for index in 0..<Int(run.count) {
            let word = run.mask < 0 ? UInt32.max : masks[Int(run.mask) + index]
            if word >> UInt32(lane) & 1 == 1 {
              keys[Int(query)].append(Int(run.firstKey) + index * Int(run.step))
            }
          }
        }
      }
    }
    return keys.enumerated().map { ($0.offset, $0.element.sorted()) }
  }
}
