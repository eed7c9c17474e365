// SPDX-License-Identifier: MIT

import AttentionCore
import RealModule

/// Tiles of a block-selecting stage before the data is known.
///
/// Which past blocks a query chooses depends on the data; here every past block is equally likely.
/// Real selections are skewed: gathered strips then stay the same in number, unions become smaller.
public struct ExpectedSelection: Hashable, Sendable, Codable {
  /// Pairs of tiles of one head that are visited on average.
  public let tilesVisited: Double
  /// Pairs of tiles of one head in dense causal attention.
  public let denseTiles: Int

  public var tileBound: Double { Double(denseTiles) / tilesVisited }

  /// The expectation for `stage` at the causal `shape`, with tiles of `tile`.
  ///
  /// - Throws: ``SimulatorError`` if the pairs exceed 64 bits, or if queries do not choose among
  ///   past blocks one by one.
  public init(
    _ stage: AttendSelected, shape: AttentionShape, tile: TileSize
  ) throws(SimulatorError) {
    let tiles = TilePair(query: tile.lanes, key: tile.keys)
    denseTiles = try TileCounter.figures(
      sequence: shape, tiles: tiles, tiling: .dynamic
    ).tilesVisited
    guard let past = stage.pastBlocks else {
      throw .noTiles(
        mechanism: "block selection",
        reason: "expectations are known where every query chooses past blocks by itself")
    }
    let blocks = Blocks(stage: past, shape: shape)
    var visited = 0.0
    for block in 0..<blocks.count {
      visited += Double(try blocks.ownTiles(block, tiles))
      switch stage.order {
      case .byBlock: visited += blocks.gatheredTiles(block, tile)
      case .byQuery, .byRow: visited += blocks.unitedTiles(block, tile)
      }
    }
    tilesVisited = visited
  }
}

/// The blocks of a sequence and how often each is chosen.
private struct Blocks {
  let stage: PastBlocks
  let shape: AttentionShape
  let count: Int
  /// Expected rows that choose each block, from all later ones.
  private let routedRows: [Double]

  init(stage: PastBlocks, shape: AttentionShape) {
    self.stage = stage
    self.shape = shape
    let count = shape.keyLength.dividedUp(by: stage.blockSize)
    self.count = count
    var rows = [Double](repeating: 0, count: count)
    var later = 0.0
    for block in stride(from: count - 1, to: 0, by: -1) {
      let queries = min(stage.blockSize, shape.queryLength - block * stage.blockSize)
      later += Double(max(queries, 0)) * Self.share(stage, past: block)
      rows[block - 1] = later
    }
    routedRows = rows
  }

  /// The chance that a query with `past` blocks behind it chooses a given one of them.
  private static func share(_ stage: PastBlocks, past: Int) -> Double {
    Double(min(stage.topK - 1, past)) / Double(past)
  }

  private func queries(_ block: Int) -> Int {
    min(stage.blockSize, shape.queryLength - block * stage.blockSize)
  }

  /// Tiles of the causal square on the diagonal.
  func ownTiles(_ block: Int, _ tiles: TilePair) throws(SimulatorError) -> Int {
    guard
      let square = try? AttentionShape(
        queryLength: queries(block), headDim: 1, causality: .bottomRight)
    else { return 0 }
    return try TileCounter.figures(sequence: square, tiles: tiles, tiling: .dynamic).tilesVisited
  }

  /// Tiles of the rows that are gathered for `block`; every strip but the last is full.
  func gatheredTiles(_ block: Int, _ tile: TileSize) -> Double {
    let strips = (routedRows[block] / Double(tile.lanes)).rounded(.up)
    return strips * Double(stage.blockSize.dividedUp(by: tile.keys))
  }

  /// Tiles of the past blocks that the strips of `block` visit: of each, the union over its lanes.
  func unitedTiles(_ block: Int, _ tile: TileSize) -> Double {
    guard block > 0 else { return 0 }
    let miss = 1 - Self.share(stage, past: block)
    let perBlock = Double(stage.blockSize.dividedUp(by: tile.keys))
    return stride(from: 0, to: queries(block), by: tile.lanes).reduce(0) { sum, first in
      let lanes = min(tile.lanes, queries(block) - first)
      return sum + Double(block) * (1 - Double.pow(miss, lanes)) * perBlock
    }
  }
}
