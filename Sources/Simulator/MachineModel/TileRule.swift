// SPDX-License-Identifier: MIT

import AttentionCore

/// What the matrix instructions of a machine ask of a kernel's tiles.
public struct TileRule: Hashable, Sendable, Codable {
  /// Tokens of a query tile are a multiple of this.
  public let query: Sourced<Int>
  /// Tokens of a key tile are a multiple of this.
  public let key: Sourced<Int>

  public init(query: Sourced<Int>, key: Sourced<Int>) {
    self.query = query
    self.key = key
  }
}

extension Machine {
  /// Throws ``SimulatorError/tileForbidden(machine:name:tile:multiple:source:)`` for tiles that no
  /// kernel on this machine can have.
  public func allow(_ tiles: TilePair) throws(SimulatorError) {
    guard let tileRule else { return }
    let rules = [
      ("query tile", tiles.query, tileRule.query), ("key tile", tiles.key, tileRule.key),
    ]
    for (name, tile, rule) in rules {
      guard let tokens = tile.checkedCount, tokens.isMultiple(of: rule.value) else {
        throw .tileForbidden(
          machine: id, name: name, tile: tile, multiple: rule.value, source: rule.source)
      }
    }
  }
}
