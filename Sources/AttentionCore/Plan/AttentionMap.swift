// SPDX-License-Identifier: MIT

/// Who attends to whom in one head, and which pairs a tiled engine computes, pair by pair.
///
/// It knows no kind of mask: pairs come from a ``TileSchedule``, from a predicate or from weights.
public struct AttentionMap: Hashable, Sendable {
  /// What becomes of one query and one key.
  public enum Pair: UInt8, Hashable, Sendable, CaseIterable {
    /// No tile holds the pair.
    case skipped
    /// A tile computes the pair and masks it: work in vain.
    case masked
    /// Attended, in a tile that needs a mask.
    case partial
    /// Attended, in a tile without a mask or in an engine without tiles.
    case full
  }

  public let queryLength: Int
  public let keyLength: Int
  /// Token grid of the queries, if the shape has one.
  public let grid: Extents?
  /// Queries of each tile, where there are tiles.
  public private(set) var strips: [[Int]] = []
  /// Tiles of the schedule, where there are any.
  public private(set) var tiles: TileCounts?
  private var pairs: [Pair]

  private init(queryLength: Int, keyLength: Int, grid: Extents?) {
    self.queryLength = queryLength
    self.keyLength = keyLength
    self.grid = grid
    pairs = [Pair](repeating: .skipped, count: queryLength * keyLength)
  }

  /// The pairs that `schedule` visits.
  ///
  /// - Requires: the ids of the schedule's queries are below `queryLength`.
  public init(schedule: TileSchedule, queryLength: Int, grid: Extents? = nil) {
    self.init(queryLength: queryLength, keyLength: schedule.keyLength, grid: grid)
    tiles = schedule.counts
    for strip in schedule.strips {
      let queries = schedule.queries[strip.queries].map(Int.init)
      strips.append(queries)
      for run in schedule.runs[strip.runs] { visit(run, queries: queries, in: schedule) }
    }
  }

  private mutating func visit(_ run: KeyRun, queries: [Int], in schedule: TileSchedule) {
    for index in 0..<Int(run.count) {
      let key = Int(run.firstKey) + index * Int(run.step)
      for (lane, query) in queries.enumerated() {
        let pair: Pair
        if run.mask < 0 {
          pair = .full
        } else {
          let sees = schedule.masks[Int(run.mask) + index] >> UInt32(lane) & 1 == 1
          pair = sees ? .partial : .masked
        }
        // A key may lie in two runs of a strip, once for each half of its queries.
        let place = query * keyLength + key
        if pair.rawValue > pairs[place].rawValue { pairs[place] = pair }
      }
    }
  }

  /// The pairs that `attends` allows, without tiles.
  public init(shape: AttentionShape, attends: (_ query: Int, _ key: Int) -> Bool) {
    self.init(queryLength: shape.queryLength, keyLength: shape.keyLength, grid: shape.grid)
    for query in 0..<queryLength {
      for key in 0..<keyLength where attends(query, key) {
        pairs[query * keyLength + key] = .full
      }
    }
  }

  public subscript(query: Int, key: Int) -> Pair { pairs[query * keyLength + key] }

  public func attends(_ query: Int, _ key: Int) -> Bool { self[query, key].isAttended }

  public var attendedPairs: Int { pairs.count { $0.isAttended } }

  /// Whether every query attends to every key.
  public var isDense: Bool { pairs.allSatisfy(\.isAttended) }

  /// The queries that share a tile with `query`, itself included.
  public func strip(of query: Int) -> [Int] {
    strips.first { $0.contains(query) } ?? [query]
  }
}

extension AttentionMap.Pair {
  public var isAttended: Bool { self == .partial || self == .full }
}
