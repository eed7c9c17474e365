// SPDX-License-Identifier: MIT

/// Learned terms of the scores by the offset from a query's grid position to a key's.
///
/// The terms are a weight `[queryHeads, offsets]`, offsets row-major over ``extents``: per axis
/// `-reach ... reach`, farther ones as the farthest. Tokens beside the grid get no term.
public struct RelativeBias: Hashable, Sendable {
  /// Name of the weight.
  public let weight: String
  public let grid: Extents
  /// Position in the sequence of the grid's first token.
  public let firstToken: Int
  /// Position in the sequence of keys of query 0.
  public let queryOffset: Int
  public let reach: Extents

  /// - Requires: one reach per axis, 0 or more.
  public init(
    weight: String, grid: Extents, reach: Extents, firstToken: Int = 0, queryOffset: Int = 0
  ) {
    precondition(reach.rank == grid.rank, "one reach per axis")
    self.weight = weight
    self.grid = grid
    self.firstToken = firstToken
    self.queryOffset = queryOffset
    self.reach = reach
  }

  /// Distinct offsets per axis.
  public var extents: Extents { Extents(reach.values.map { 2 * $0 + 1 }) }

  /// The position of a query on the grid, or nil.
  public func position(query: Int) -> [Int]? { position(key: query + queryOffset) }

  /// The position of a key on the grid, or nil.
  public func position(key: Int) -> [Int]? {
    let index = key - firstToken
    return (0..<grid.count).contains(index) ? grid.coordinate(of: index) : nil
  }

  /// The index of the term for two positions.
  public func term(query: [Int], key: [Int]) -> Int {
    var index = 0
    for axis in 0..<grid.rank {
      let farthest = reach[axis]
      let offset = min(max(key[axis] - query[axis], -farthest), farthest)
      index = index * (2 * farthest + 1) + offset + farthest
    }
    return index
  }
}
