// SPDX-License-Identifier: MIT

import AttentionCore

/// Words and checks that block-selecting mechanisms share.
enum BlockSelectTexts {
  static let order =
    "Execution: queries gathered per block (byBlock) or unions per strip (byQuery)."

  static func atLeastOne(_ name: String, _ value: Int) throws(MechanismError) {
    guard value >= 1 else {
      throw .outOfRange(parameter: name, value: "\(value)", rule: "it must be at least 1")
    }
  }

  static func share(_ name: String, _ value: Double) throws(MechanismError) {
    guard value >= 0, value <= 1 else {
      throw .outOfRange(parameter: name, value: "\(value)", rule: "it must be in 0 ... 1")
    }
  }

  /// Checks a tile of the token grid, or of the sequence where the shape has no grid.
  static func tile(
    _ name: String, _ tile: Extents, shape: AttentionShape
  ) throws(MechanismError) {
    let rank = shape.grid?.rank ?? 1
    guard tile.rank == rank else { throw .wrongRank(parameter: name, value: tile, rank: rank) }
    guard tile.values.allSatisfy({ $0 >= 1 }) else {
      throw .outOfRange(parameter: name, value: "\(tile)", rule: "every axis must be at least 1")
    }
  }
}
