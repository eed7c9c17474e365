// SPDX-License-Identifier: MIT

import AttentionCore
import Simulator
import Testing

@Suite struct RefusalTests {
  @Test func aWindowLongerThanTheAxisIsRefused() {
    refuses(
      axis(10, window: 11),
      .windowExceedsAxis(axis: 0, window: 11, dilation: 1, length: 10))
  }

  @Test func aWindowThatDilationPushesPastTheAxisIsRefused() {
    refuses(
      axis(10, window: 4, dilation: 3),
      .windowExceedsAxis(axis: 0, window: 4, dilation: 3, length: 10))
  }

  @Test func aStrideAboveTheWindowIsRefused() {
    refuses(
      axis(10, window: 3, stride: 4), .strideExceedsWindow(axis: 0, stride: 4, window: 3))
  }

  @Test func sizesOfZeroAreRefused() {
    refuses(axis(0, window: 1), .tooSmall(name: "length of axis 0", value: 0, least: 1))
    refuses(axis(10, window: 0), .tooSmall(name: "window of axis 0", value: 0, least: 1))
    refuses(
      axis(10, window: 3, stride: 0), .tooSmall(name: "stride of axis 0", value: 0, least: 1))
    refuses(
      axis(10, window: 3, dilation: 0), .tooSmall(name: "dilation of axis 0", value: 0, least: 1))
    refuses(
      axis(10, window: 3), tiles: TilePair(query: 0, key: 4),
      .tooSmall(name: "query tile", value: 0, least: 1))
  }

  @Test func extraKeysBelowZeroAreRefused() {
    refuses(
      NeighborhoodMask(axes: [axis(10, window: 3).axes[0]], extraKeys: -1),
      .tooSmall(name: "extra keys", value: -1, least: 0))
  }

  @Test func tilesOfAnotherRankAreRefused() {
    refuses(
      axis(10, window: 3), tiles: TilePair(query: [2, 2], key: [4]),
      .wrongRank(name: "query tile", value: [2, 2], rank: 1))
    refuses(
      grid([4, 4, 4, 4]), tiles: TilePair(query: 2, key: 2),
      .wrongRank(name: "grid", value: [4, 4, 4, 4], rank: 3))
  }

  @Test func aTileFarLongerThanItsAxisIsRefused() {
    refuses(
      grid([30, 48, 80]), tiles: TilePair(query: [64, 2, 2], key: [2, 8, 8]),
      .tileExceedsAxis(
        name: "query tile", tile: [64, 2, 2], grid: [30, 48, 80], axis: 0, most: 32))
  }

  @Test func aTileMayBePaddedToTheNextPowerOfTwo() throws {
    let figures = try TileCounter.figures(
      mask: grid([14, 14]), tiles: TilePair(query: [16, 16], key: [16, 16]), tiling: .static)
    #expect(figures.queryPaddingWaste == 1 - 196.0 / 256)
  }

  @Test func countsBeyondSixtyFourBitsAreRefused() {
    refuses(
      grid([1 << 21, 1 << 21, 1 << 21]), tiles: TilePair(query: [1, 1, 1], key: [1, 1, 1]),
      .overflow(quantity: "tokens of the grid"))
    refuses(
      grid([1 << 20, 1 << 20]), tiles: TilePair(query: [8, 8], key: [8, 8]),
      .overflow(quantity: "query-key pairs"))
    refuses(
      axis(10, window: 3), tiles: TilePair(query: 1 << 32, key: 1),
      .overflow(quantity: "tokens of query tile 4294967296"))
  }

  @Test func operationsBeyondSixtyFourBitsAreRefused() throws {
    let shape = try AttentionShape(
      batch: 64, queryHeads: 64, queryLength: 1 << 26, headDim: 64)
    let plan = Plan(shape: shape, stages: [.attend(Attend())])
    let machine = try BuiltInMachines.machine(id: "h100")
    #expect(throws: SimulatorError.overflow(quantity: "operations of all query-key pairs")) {
      try plan.floor(on: machine)
    }
  }

  @Test func refusalsNameTheValueTheRuleAndTheFix() {
    #expect(
      "\(SimulatorError.windowExceedsAxis(axis: 1, window: 30, dilation: 2, length: 48))"
        == "window 30 with dilation 2 spans more than the 48 positions of axis 1; window times "
        + "dilation must be at most 48")
    #expect(
      "\(SimulatorError.strideExceedsWindow(axis: 0, stride: 9, window: 8))"
        == "stride 9 exceeds window 8 on axis 0; a stride above the window would leave keys that "
        + "no query attends to")
    #expect(
      "\(SimulatorError.wrongRank(name: "key tile", value: [2, 8], rank: 3))"
        == "key tile is 2x8, which has 2 axes; expected 3")
  }

  @Test func tilesThatAMachineForbidsAreRefused() throws {
    let h100 = try BuiltInMachines.machine(id: "h100")
    let rule = try #require(h100.tileRule)
    #expect(
      throws: SimulatorError.tileForbidden(
        machine: "h100", name: "query tile", tile: [4, 8], multiple: 64, source: rule.query.source)
    ) { try h100.allow(TilePair(query: [4, 8], key: [16, 8])) }
    #expect(
      throws: SimulatorError.tileForbidden(
        machine: "h100", name: "key tile", tile: [4, 3], multiple: 8, source: rule.key.source)
    ) { try h100.allow(TilePair(query: [8, 8], key: [4, 3])) }
    // Any extents will do, since the rule is about tokens.
    try h100.allow(TilePair(query: [1, 64], key: [2, 4]))
    try BuiltInMachines.machine(id: "zen4").allow(TilePair(query: 3, key: 5))
    let error = SimulatorError.tileForbidden(
      machine: "h100", name: "query tile", tile: [4, 8], multiple: 64, source: "wgmma")
    #expect(
      "\(error)"
        == "query tile 4x8 has 32 tokens; on machine 'h100' it must be a multiple of 64 (wgmma)")
  }

  @Test func anUnknownMachineIsAnsweredWithTheNearest() {
    let near = SimulatorError.unknownMachine(id: "h101", known: BuiltInMachines.ids)
    #expect("\(near)" == "there is no machine 'h101'; did you mean 'h100'?")
    let far = SimulatorError.unknownMachine(id: "abacus", known: BuiltInMachines.ids)
    #expect("\(far)".contains("known are a100, b200"))
  }

  private func refuses(
    _ mask: NeighborhoodMask, tiles: TilePair = TilePair(query: 2, key: 2),
    _ error: SimulatorError, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(throws: error, sourceLocation: sourceLocation) {
      try TileCounter.figures(mask: mask, tiles: tiles, tiling: .static)
    }
  }

  private func axis(
    _ length: Int, window: Int, stride: Int = 1, dilation: Int = 1
  ) -> NeighborhoodMask {
    NeighborhoodMask(axes: [
      AxisWindow(
        length: length, window: window, stride: stride, dilation: dilation, isCausal: false)
    ])
  }

  private func grid(_ lengths: [Int]) -> NeighborhoodMask {
    NeighborhoodMask(
      axes: lengths.map {
        AxisWindow(length: $0, window: 3, stride: 1, dilation: 1, isCausal: false)
      })
  }
}
