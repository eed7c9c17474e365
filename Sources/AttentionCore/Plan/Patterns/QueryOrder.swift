// SPDX-License-Identifier: MIT

/// The order in which the queries of a head are gathered into strips.
///
/// Queries that see the same keys belong together. The order changes the speed, never the result,
/// and nothing is moved in memory: strips gather their queries by token id.
public enum QueryOrder: Hashable, Sendable {
  /// Consecutive tokens.
  case sequence
  /// Groups of tokens; a strip never holds tokens of two groups.
  case groups(TokenGroups)

  /// Groups of token ids; every query occurs once.
  public struct TokenGroups: Hashable, Sendable {
    let tokens: [Int32]
    /// End of each group in ``tokens``.
    let ends: [Int32]
  }

  /// - Requires: every query of the problem occurs in exactly one group.
  public static func groups(_ groups: [[Int]]) -> QueryOrder {
    var tokens: [Int32] = []
    var ends: [Int32] = []
    for group in groups where !group.isEmpty {
      tokens += group.map { Int32($0) }
      ends.append(Int32(tokens.count))
    }
    return .groups(TokenGroups(tokens: tokens, ends: ends))
  }

  /// Tokens with the same label, in order of labels.
  public static func classes(_ labels: [Int]) -> QueryOrder {
    var groups: [Int: [Int]] = [:]
    for (token, label) in labels.enumerated() {
      groups[label, default: []].append(token)
    }
    return .groups(groups.sorted { $0.key < $1.key }.map(\.value))
  }

  /// Multi-dimensional tiles of a grid in row-major order; tokens before and after the grid are
  /// groups of their own.
  public static func tiles(
    grid: Extents, tile: Extents, firstToken: Int = 0, queryLength: Int
  ) -> QueryOrder {
    precondition(tile.rank == grid.rank, "one tile length per axis")
    let tileCounts = (0..<grid.rank).map { (grid[$0] + tile[$0] - 1) / tile[$0] }
    var groups = [Array(0..<firstToken)]
    for index in TileSchedule.boxes(tileCounts.map { 0..<$0 }) {
      let box = (0..<grid.rank).map { axis in
        index[axis] * tile[axis]..<min((index[axis] + 1) * tile[axis], grid[axis])
      }
      groups.append(
        TileSchedule.boxes(box).map { position in
          firstToken + zip(position, grid.values).reduce(0) { $0 * $1.1 + $1.0 }
        })
    }
    groups.append(Array(min(firstToken + grid.count, queryLength)..<queryLength))
    return .groups(groups)
  }

  /// Bands along the last axis of a grid, tokens ordered by the last axis first.
  ///
  /// Neighbouring tokens of a band are a compact tile whatever their number, so strips of every
  /// width are. Tokens before and after the grid are groups of their own.
  ///
  /// A band has `thickness` positions on every axis but the last.
  public static func bands(
    grid: Extents, thickness: Extents, firstToken: Int = 0, queryLength: Int
  ) -> QueryOrder {
    precondition(thickness.rank == grid.rank - 1, "one thickness per axis but the last")
    let length = grid[grid.rank - 1]
    var groups = [Array(0..<firstToken)]
    let counts = (0..<thickness.rank).map { (grid[$0] + thickness[$0] - 1) / thickness[$0] }
    for index in TileSchedule.boxes(counts.map { 0..<$0 }) {
      let box = (0..<thickness.rank).map { axis in
        index[axis] * thickness[axis]..<min((index[axis] + 1) * thickness[axis], grid[axis])
      }
      let rows = TileSchedule.boxes(box).map { position in
        firstToken + length * zip(position, grid.values).reduce(0) { $0 * $1.1 + $1.0 }
      }
      groups.append((0..<length).flatMap { last in rows.map { $0 + last } })
    }
    groups.append(Array(min(firstToken + grid.count, queryLength)..<queryLength))
    return .groups(groups)
  }

  /// Token ids of every strip of at most `lanes` queries.
  public func strips(queryLength: Int, lanes: Int) -> [[Int]] {
    switch self {
    case .sequence:
      return stride(from: 0, to: queryLength, by: lanes).map {
        Array($0..<min($0 + lanes, queryLength))
      }
    case .groups(let groups):
      var strips: [[Int]] = []
      var first = 0
      for end in groups.ends {
        for start in stride(from: first, to: Int(end), by: lanes) {
          strips.append(groups.tokens[start..<min(start + lanes, Int(end))].map { Int($0) })
        }
        first = Int(end)
      }
      return strips
    }
  }
}
