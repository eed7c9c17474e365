// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import Simulator

/// The problems of `gna_cases.json`, with exact counts and published figures.
struct GNACases: Decodable {
  let cases: [GNACase]
  let singleDimTiling: [SingleDimensionCase]
  let endToEnd: [EndToEndCase]

  static func load() throws -> GNACases {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(GNACases.self, from: resource("gna_cases"))
  }

  static func resource(_ name: String) throws -> Data {
    try Data(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Resources/\(name).json"))
  }
}

/// A multi-dimensional problem.
struct GNACase: Decodable {
  let name: String
  let dims, window, stride, dilation: [Int]
  let causal: [Bool]
  let qTile, kvTile: [Int]
  let attendedPairs, tokens, qTiles, kvTilesDense: Int
  let tilesTotal, tilesVisited, tilesFull, tilesPartial: Int
  let tilesDynamic, maxKvTilesVisited, maxKvTilesDynamic, tilesTotal1D: Int
  let flopSpeedup, tileSpeedup, simSpeedupStatic, simSpeedupDynamic: Double
  let tileSpeedup1DDense: Double
  let perfectlyBlockSparse: Bool
  let published: Published?

  struct Published: Decodable {
    let saShareOfE2E: Double?
    let totalSteps: Int?
  }

  var mask: NeighborhoodMask {
    NeighborhoodMask(
      axes: dims.indices.map {
        AxisWindow(
          length: dims[$0], window: window[$0], stride: stride[$0], dilation: dilation[$0],
          isCausal: causal[$0])
      })
  }

  var tiles: TilePair { TilePair(query: Extents(qTile), key: Extents(kvTile)) }
}

/// One-dimensional tiles on a flattened grid.
struct SingleDimensionCase: Decodable {
  let name: String
  let dims, window, stride: [Int]
  let causal: [Bool]
  let qTileSize, kvTileSize: Int
  let qTiles, kvTiles, tilesTotal, tilesVisited, maxKvTilesVisited: Int
  let tileSpeedup, simSpeedupStatic: Double

  var mask: NeighborhoodMask {
    NeighborhoodMask(
      axes: dims.indices.map {
        AxisWindow(
          length: dims[$0], window: window[$0], stride: stride[$0], dilation: 1,
          isCausal: causal[$0])
      })
  }
}

/// A row of the published end-to-end tables.
struct EndToEndCase: Decodable {
  let `case`: String
  let fullAttentionSteps: Int
  let quantity: String
  let e2eFromRaw: Double
  let e2eFrom1Decimal: Double
  let published: Double
}

/// Exact key lists of one axis.
struct AxisCase: Decodable {
  let length, window, stride, dilation: Int
  let causal: Bool
  let attendedKeys: [[Int]]
}
