// SPDX-License-Identifier: MIT

/// Keys at equal distances that one strip of queries visits together.
///
/// The layout is that of the kernels' `attn_run_t`, so engines hand the array on as it is.
public struct KeyRun: Hashable, Sendable, BitwiseCopyable {
  public var firstKey: Int32
  public var count: Int32
  public var step: Int32
  /// Index of the first of `count` lane masks, or -1 when every query sees every key.
  public var mask: Int32

  public init(firstKey: Int, count: Int, step: Int = 1, mask: Int = -1) {
    self.firstKey = Int32(firstKey)
    self.count = Int32(count)
    self.step = Int32(step)
    self.mask = Int32(mask)
  }
}

/// The width of a strip of queries and the depth of a key tile, set by a kernel table.
public struct TileSize: Hashable, Sendable, Codable {
  /// Queries that one strip holds, at most 32: one bit each in a lane mask.
  public let lanes: Int
  /// Keys per key tile.
  public let keys: Int

  /// - Requires: `lanes` in 1...32 and `keys` at least 1.
  public init(lanes: Int, keys: Int) {
    precondition((1...32).contains(lanes) && keys >= 1, "lanes must be 1...32, keys at least 1")
    self.lanes = lanes
    self.keys = keys
  }

  /// The widest kernels: 32 queries by 8 keys.
  public static let standard = TileSize(lanes: 32, keys: 8)
}

/// Which keys every strip of queries visits: what a tiled engine executes, one head at a time.
///
/// A strip's runs are in visiting order, full runs first, so that a running maximum is set by keys
/// that every lane sees. A run is cut into key tiles from its first key.
public struct TileSchedule: Hashable, Sendable {
  public struct Strip: Hashable, Sendable {
    /// Range of ``TileSchedule/queries``.
    public var queries: Range<Int>
    /// Range of ``TileSchedule/runs``.
    public var runs: Range<Int>
  }

  public let tile: TileSize
  public let keyLength: Int
  public private(set) var strips: [Strip] = []
  /// Token ids of the queries, strip after strip.
  public private(set) var queries: [Int32] = []
  public private(set) var runs: [KeyRun] = []
  /// Lane masks: bit `i` of a word tells whether lane `i` sees the key.
  public private(set) var masks: [UInt32] = []

  public init(tile: TileSize, keyLength: Int) {
    self.tile = tile
    self.keyLength = keyLength
  }

  /// Tiles of this schedule, by enumeration.
  public var counts: TileCounts {
    let keyTiles = (keyLength + tile.keys - 1) / tile.keys
    var counts = TileCounts(total: strips.count * keyTiles, densePerQueryTile: keyTiles)
    for (index, strip) in strips.enumerated() {
      for run in runs[strip.runs] {
        counts.full += run.mask < 0 ? tiles(of: run) : 0
        counts.evaluatedPairs += Int(run.count) * strip.queries.count
      }
      let visited = tilesVisited(strip: index)
      counts.visited += visited
      counts.worst = max(counts.worst, visited)
    }
    return counts
  }

  /// Key tiles that a strip visits.
  func tilesVisited(strip: Int) -> Int {
    runs[strips[strip].runs].reduce(0) { $0 + tiles(of: $1) }
  }

  /// Keys that a strip visits, those of masked tiles included.
  func keysVisited(strip: Int) -> Int {
    runs[strips[strip].runs].reduce(0) { $0 + Int($1.count) }
  }

  private func tiles(of run: KeyRun) -> Int {
    (Int(run.count) + tile.keys - 1) / tile.keys
  }
}

extension TileSchedule {
  /// Appends one strip of at most `tile.lanes` queries; `visit` adds its runs.
  ///
  /// - Requires: `ids` holds 1 to `tile.lanes` token ids.
  mutating func appendStrip(_ ids: some Collection<Int>, _ visit: (inout TileSchedule) -> Void) {
    precondition((1...tile.lanes).contains(ids.count), "a strip holds 1 to \(tile.lanes) queries")
    let firstQuery = queries.count
    let firstRun = runs.count
    queries.append(contentsOf: ids.lazy.map { Int32($0) })
    visit(&self)
    let added = runs[firstRun...]
    let ordered = added.filter { $0.mask < 0 } + added.filter { $0.mask >= 0 }
    runs.replaceSubrange(firstRun..., with: ordered)
    strips.append(Strip(queries: firstQuery..<queries.count, runs: firstRun..<runs.count))
  }

  /// Adds keys that every lane sees.
  mutating func appendFull(firstKey: Int, count: Int, step: Int = 1) {
    guard count > 0 else { return }
    runs.append(KeyRun(firstKey: firstKey, count: count, step: step))
  }

  /// Adds neighbouring keys with one lane mask each, split so that full tiles need no mask.
  ///
  /// Tiles are cut from the first key, and groups of tiles of the same kind become one run; the
  /// split therefore never changes how many tiles are visited.
  mutating func appendMasked(firstKey: Int, step: Int = 1, words: [UInt32], allLanes: UInt32) {
    var start = 0
    while start < words.count {
      let isFull = tileIsFull(words, from: start, allLanes: allLanes)
      var end = min(start + tile.keys, words.count)
      while end < words.count, tileIsFull(words, from: end, allLanes: allLanes) == isFull {
        end = min(end + tile.keys, words.count)
      }
      let first = firstKey + start * step
      if isFull {
        appendFull(firstKey: first, count: end - start, step: step)
      } else {
        runs.append(KeyRun(firstKey: first, count: end - start, step: step, mask: masks.count))
        masks.append(contentsOf: words[start..<end])
      }
      start = end
    }
  }

  private func tileIsFull(_ words: [UInt32], from start: Int, allLanes: UInt32) -> Bool {
    words[start..<min(start + tile.keys, words.count)].allSatisfy { $0 == allLanes }
  }

  /// The mask in which the first `count` lanes are set.
  package static func laneMask(_ count: Int) -> UInt32 {
    count == 32 ? .max : (1 << UInt32(count)) - 1
  }
}
