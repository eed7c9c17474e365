// SPDX-License-Identifier: MIT

/// Tiles of a mechanism that chooses keys by the data, over all heads: expected and actual.
public struct SelectedTilesRecord: Codable, Hashable, Sendable {
  /// Pairs of tiles that dense attention of the same causality visits.
  public var denseTiles: Int
  /// Visited on average if every choice is equally likely.
  public var expectedTiles: Double
  /// Visited for what was chosen on the case's own inputs.
  public var actualTiles: Known<Int>

  public init(denseTiles: Int, expectedTiles: Double, actualTiles: Known<Int>) {
    self.denseTiles = denseTiles
    self.expectedTiles = expectedTiles
    self.actualTiles = actualTiles
  }

  /// Dense tiles over expected ones.
  public var expectedBound: Quantity { Self.bound(denseTiles, over: expectedTiles) }

  /// Dense tiles over those of the actual selection.
  public var actualBound: Quantity {
    actualTiles.flatMap { Self.bound(denseTiles, over: Double($0)) }
  }

  private static func bound(_ dense: Int, over tiles: Double) -> Quantity {
    guard tiles > 0 else { return .absent(reason: "no tile is visited") }
    return .value(Double(dense) / tiles)
  }
}
