// SPDX-License-Identifier: MIT

extension TileSchedule {
  /// The schedule of a key pattern; strips follow `order`.
  package init(
    _ keys: KeyPattern, order: QueryOrder, queryLength: Int, keyLength: Int, tile: TileSize
  ) {
    self.init(tile: tile, keyLength: keyLength)
    for ids in order.strips(queryLength: queryLength, lanes: tile.lanes) {
      appendStrip(ids) { schedule in
        schedule.appendSpans(ids.map { keys.spans(of: $0, keyLength: keyLength) })
      }
    }
  }

  /// Adds the union of the lanes' spans.
  mutating func appendSpans(_ spansOfLane: [[Range<Int>]]) {
    let all = Self.laneMask(spansOfLane.count)
    let regions = LaneSweep.regions(spansOfLane)
    var index = 0
    while index < regions.count {
      // Single keys at equal distances are one run.
      var end = index + 1
      if let step = Self.step(regions, index) {
        while end < regions.count, Self.step(regions, end - 1) == step { end += 1 }
        if end - index > 2 {
          appendMasked(
            firstKey: regions[index].firstKey, step: step,
            words: regions[index..<end].map { $0.segments[0].word }, allLanes: all)
          index = end
          continue
        }
      }
      appendRegion(regions[index], allLanes: all)
      index += 1
    }
  }

  /// The distance from a single key to the single key that follows, if both are that.
  private static func step(_ regions: [LaneSweep.Region], _ index: Int) -> Int? {
    guard index + 1 < regions.count, regions[index].count == 1, regions[index + 1].count == 1
    else { return nil }
    return regions[index + 1].firstKey - regions[index].firstKey
  }

  /// Adds neighbouring keys, tile by tile; tiles inside a segment that every lane sees need no
  /// mask and are taken together.
  private mutating func appendRegion(_ region: LaneSweep.Region, allLanes: UInt32) {
    var words: [UInt32] = []
    var first = region.firstKey
    var key = first
    var index = 0
    while key < region.end {
      while region.segments[index].end <= key { index += 1 }
      let segment = region.segments[index]
      let whole =
        segment.end == region.end
        ? segment.end - key : (segment.end - key) / tile.keys * tile.keys
      if segment.word == allLanes, whole > 0 {
        appendMasked(firstKey: first, words: words, allLanes: allLanes)
        words.removeAll(keepingCapacity: true)
        appendFull(firstKey: key, count: whole)
        key += whole
        first = key
      } else {
        let end = min(key + tile.keys, region.end)
        var at = index
        while key < end {
          while region.segments[at].end <= key { at += 1 }
          words.append(region.segments[at].word)
          key += 1
        }
      }
    }
    appendMasked(firstKey: first, words: words, allLanes: allLanes)
  }
}

/// Which lanes see a key, as piecewise constant lane masks.
enum LaneSweep {
  struct Segment {
    let end: Int
    let word: UInt32
  }

  /// Neighbouring keys each of which some lane sees.
  struct Region {
    let firstKey: Int
    var segments: [Segment]
    var end: Int { segments.last?.end ?? firstKey }
    var count: Int { end - firstKey }
  }

  /// The regions of at most 32 lanes, ascending.
  static func regions(_ spansOfLane: [[Range<Int>]]) -> [Region] {
    if let first = spansOfLane.first, spansOfLane.allSatisfy({ $0 == first }) {
      let all = TileSchedule.laneMask(spansOfLane.count)
      return first.map {
        Region(firstKey: $0.lowerBound, segments: [Segment(end: $0.upperBound, word: all)])
      }
    }
    var edges: [(key: Int, bit: UInt32)] = []
    edges.reserveCapacity(2 * spansOfLane.reduce(0) { $0 + $1.count })
    for (lane, spans) in spansOfLane.enumerated() {
      for span in spans {
        edges.append((span.lowerBound, 1 << UInt32(lane)))
        edges.append((span.upperBound, 1 << UInt32(lane)))
      }
    }
    edges.sort { $0.key < $1.key }
    var regions: [Region] = []
    var word: UInt32 = 0
    var index = 0
    while index < edges.count {
      let key = edges[index].key
      let before = word
      while index < edges.count, edges[index].key == key {
        word ^= edges[index].bit
        index += 1
      }
      guard word != 0, index < edges.count else { continue }
      let segment = Segment(end: edges[index].key, word: word)
      if before == 0 {
        regions.append(Region(firstKey: key, segments: [segment]))
      } else {
        regions[regions.count - 1].segments.append(segment)
      }
    }
    return regions
  }
}
