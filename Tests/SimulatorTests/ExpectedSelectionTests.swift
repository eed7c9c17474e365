// SPDX-License-Identifier: MIT

import AttentionCore
import Simulator
import Testing

@Suite struct ExpectedSelectionTests {
  private static func expectation(
    _ length: Int, block: Int, topK: Int, order: AttendSelected.Order
  ) throws -> ExpectedSelection {
    let shape = try AttentionShape(queryLength: length, headDim: 64, causality: .bottomRight)
    return try ExpectedSelection(
      AttendSelected(blockSize: block, topK: topK, order: order), shape: shape,
      tile: TileSize(lanes: 32, keys: 8))
  }

  @Test(arguments: [AttendSelected.Order.byBlock, .byQuery])
  func everyBlockChosenIsDenseCausalAttention(order: AttendSelected.Order) throws {
    let expected = try Self.expectation(512, block: 64, topK: 8, order: order)
    // Blocks are multiples of both tiles, so that the grids coincide.
    #expect(expected.tilesVisited == Double(expected.denseTiles))
    #expect(expected.tileBound == 1)
  }

  @Test(arguments: [AttendSelected.Order.byBlock, .byQuery])
  func theOwnBlockAloneIsTheDiagonal(order: AttendSelected.Order) throws {
    let expected = try Self.expectation(512, block: 64, topK: 1, order: order)
    // Of a block's 2 strips by 8 key tiles the first strip sees 4, the second all 8.
    #expect(expected.tilesVisited == 8 * 12)
  }

  @Test func gatheredStripsNeedFewerTilesThanUnions() throws {
    let gathered = try Self.expectation(4096, block: 128, topK: 4, order: .byBlock)
    let united = try Self.expectation(4096, block: 128, topK: 4, order: .byQuery)
    #expect(gathered.tilesVisited < united.tilesVisited)
    #expect(united.tilesVisited < Double(united.denseTiles))
  }

  @Test func gatheredRowsAreThoseThatTheStageRoutes() throws {
    let shape = try AttentionShape(queryLength: 4096, headDim: 64, causality: .bottomRight)
    let stage = AttendSelected(blockSize: 128, topK: 4, order: .byBlock)
    let expected = try ExpectedSelection(stage, shape: shape, tile: TileSize(lanes: 1, keys: 128))
    // One tile per routed row and own query; a block's expected rows are rounded up to whole ones.
    let exact = Double(stage.routedRows(shape: shape) + 4096)
    #expect(expected.tilesVisited >= exact)
    #expect(expected.tilesVisited <= exact + 32)
  }
}
