// SPDX-License-Identifier: MIT

import AttentionCore

/// How query and key tiles are laid over the tokens.
///
/// Dilated masks are counted with the positions of each dilation class side by side, except in
/// ``flat`` tiles, which leave tokens where they are.
public enum Tiling: String, Hashable, Sendable, Codable, CaseIterable {
  /// Multi-dimensional tiles at fixed places.
  case `static`
  /// Multi-dimensional key tiles that start at the first key of the query tile.
  case dynamic
  /// One-dimensional tiles of the flattened grid, at fixed places.
  case flat
}

/// A query tile and a key tile, in tokens per axis.
public struct TilePair: Hashable, Sendable, Codable {
  public let query: Extents
  public let key: Extents

  public init(query: Extents, key: Extents) {
    self.query = query
    self.key = key
  }

  /// One-dimensional tiles.
  public init(query: Int, key: Int) {
    self.init(query: Extents([query]), key: Extents([key]))
  }
}

extension TilePair: CustomStringConvertible {
  /// The tiles written as `4x8x8/2x8x8`, query tile first.
  public var description: String { "\(query)/\(key)" }
}
