// SPDX-License-Identifier: MIT

import AttentionCore

/// Tiles of key patterns, counted from the spans of every query.
///
/// This is a route of its own: it sweeps over how many queries see each key and knows nothing of
/// lane masks or schedules.
struct PatternTileCounter {
  let queryTile: Int
  let keyTile: Int
  /// Whether key tiles may start at any key, as those of the project's engine do.
  let isDynamic: Bool

  /// Counts of one head, or of all query heads together where their patterns differ.
  func figures(_ heads: HeadPatterns, shape: AttentionShape) -> TileFigures {
    let denseTiles = shape.keyLength.dividedUp(by: keyTile)
    let each = heads.patterns.map { pattern in
      count(pattern, heads.summaries, shape: shape)
    }
    let counted = each.count > 1 ? heads.ofHead : [0]
    let sum = counted.reduce(into: Counts()) { $0.add(each[$1]) }
    let queries = counted.count * shape.queryLength
    return TileFigures(
      queries: queries, allPairs: queries * shape.keyLength,
      attendedPairs: sum.attendedPairs, evaluatedPairs: sum.evaluatedPairs,
      queryTiles: sum.queryTiles,
      tilesTotal: counted.count * shape.queryLength.dividedUp(by: queryTile) * denseTiles,
      tilesVisited: sum.visited, tilesFull: sum.full, tilesWorst: sum.worst,
      denseTilesPerQueryTile: denseTiles, queryTileTokens: queryTile, keyTileTokens: keyTile)
  }

  private struct Counts {
    var queryTiles = 0
    var visited = 0
    var full = 0
    var worst = 0
    var evaluatedPairs = 0
    var attendedPairs = 0

    mutating func add(_ other: Counts) {
      queryTiles += other.queryTiles
      visited += other.visited
      full += other.full
      worst = max(worst, other.worst)
      evaluatedPairs += other.evaluatedPairs
      attendedPairs += other.attendedPairs
    }
  }

  private func count(
    _ pattern: HeadPattern, _ summaries: KeySummaries?, shape: AttentionShape
  ) -> Counts {
    var sum = Counts()
    for queries in pattern.order.strips(queryLength: shape.queryLength, lanes: queryTile) {
      var own = count(
        queries.map { pattern.keys.spans(of: $0, keyLength: shape.keyLength) },
        keyLength: shape.keyLength)
      if let visible = pattern.summaries, let groups = summaries?.groups {
        let more = count(
          queries.map { visible.spans(of: $0, keyLength: groups.count) },
          keyLength: groups.count)
        own.worst += more.worst
        own.visited += more.visited
        own.full += more.full
        own.evaluatedPairs += more.evaluatedPairs
        own.attendedPairs += more.attendedPairs
      }
      own.queryTiles = 1
      sum.add(own)
    }
    return sum
  }

  /// Tiles of one query tile whose queries see `spans`.
  private func count(_ spans: [[Range<Int>]], keyLength: Int) -> Counts {
    let steps = coverage(spans)
    var counts = Counts()
    for step in steps { counts.attendedPairs += step.queries * step.keys.count }
    let runs =
      isDynamic
      ? dynamicRuns(steps)
      : [Run(keys: steps.flatMap { Array($0.keys) }, steps: steps)]
    for run in runs {
      var index = 0
      while index < run.keys.count {
        let tile =
          isDynamic
          ? index..<min(index + keyTile, run.keys.count) : aligned(run.keys, from: index)
        let keys = run.keys[tile]
        // Aligned tiles hold keys that nobody sees, too.
        let inTile =
          isDynamic
          ? keys.count : min(keyTile, keyLength - keys[tile.lowerBound] / keyTile * keyTile)
        counts.visited += 1
        counts.full += keys.count == inTile && run.sees(keys, all: spans.count) ? 1 : 0
        counts.evaluatedPairs += inTile * spans.count
        index = tile.upperBound
      }
    }
    counts.worst = counts.visited
    return counts
  }

  /// The keys from position `first` on that lie in one aligned tile.
  private func aligned(_ keys: [Int], from first: Int) -> Range<Int> {
    let tile = keys[first] / keyTile
    var end = first
    while end < keys.count, keys[end] / keyTile == tile { end += 1 }
    return first..<end
  }
}

/// Neighbouring keys that the same number of queries sees.
private struct Step {
  let keys: Range<Int>
  let queries: Int
}

/// Keys that are cut into tiles from the first one on.
private struct Run {
  let keys: [Int]
  let steps: [Step]

  /// Whether all of `keys` are seen by `count` queries.
  func sees(_ keys: ArraySlice<Int>, all count: Int) -> Bool {
    guard let first = keys.first, let last = keys.last else { return true }
    return steps.allSatisfy {
      $0.queries == count || $0.keys.upperBound <= first || $0.keys.lowerBound > last
        || !keys.contains(where: $0.keys.contains)
    }
  }
}

/// How many queries see each key, as steps over keys that some query sees, ascending.
private func coverage(_ spans: [[Range<Int>]]) -> [Step] {
  var changes: [Int: Int] = [:]
  for span in spans.joined() {
    changes[span.lowerBound, default: 0] += 1
    changes[span.upperBound, default: 0] -= 1
  }
  let keys = changes.keys.sorted()
  var steps: [Step] = []
  var queries = 0
  for (key, next) in zip(keys, keys.dropFirst()) {
    queries += changes[key] ?? 0
    if queries > 0 { steps.append(Step(keys: key..<next, queries: queries)) }
  }
  return steps
}

/// Runs of neighbouring keys; at least three single keys at equal distances are one run too.
private func dynamicRuns(_ steps: [Step]) -> [Run] {
  var regions: [[Step]] = []
  for step in steps {
    if let last = regions.last?.last, last.keys.upperBound == step.keys.lowerBound {
      regions[regions.count - 1].append(step)
    } else {
      regions.append([step])
    }
  }
  func single(_ index: Int) -> Int? {
    guard index < regions.count, regions[index].count == 1, regions[index][0].keys.count == 1
    else { return nil }
    return regions[index][0].keys.lowerBound
  }
  var runs: [Run] = []
  var index = 0
  while index < regions.count {
    var end = index + 1
    if let first = single(index), let second = single(index + 1) {
      while let before = single(end - 1), let next = single(end), next - before == second - first {
        end += 1
      }
    }
    if end - index < 3 { end = index + 1 }
    let joined = Array(regions[index..<end].joined())
    runs.append(Run(keys: joined.flatMap { Array($0.keys) }, steps: joined))
    index = end
  }
  return runs
}
