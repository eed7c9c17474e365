// SPDX-License-Identifier: MIT

/// Learned vectors by the offset from a query's grid position to a key's, one set per axis: the
/// query's product with those of its offsets is added to the score.
///
/// The vectors are a weight `[count, headDim]`: axis after axis, `-reach ... reach` of each, farther
/// offsets as the farthest. All heads share them.
public struct RelativeVectors: Hashable, Sendable {
  /// Name of the weight.
  public let weight: String
  public let grid: Extents
  public let reach: Extents

  /// - Requires: one reach per axis, 0 or more.
  public init(weight: String, grid: Extents, reach: Extents) {
    precondition(reach.rank == grid.rank, "one reach per axis")
    self.weight = weight
    self.grid = grid
    self.reach = reach
  }

  /// Vectors of all axes.
  public var count: Int { reach.values.reduce(0) { $0 + 2 * $1 + 1 } }

  /// Index of the vector of offset 0 on `axis`.
  public func origin(axis: Int) -> Int {
    (0..<axis).reduce(0) { $0 + 2 * reach[$1] + 1 } + reach[axis]
  }
}
