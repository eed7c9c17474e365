// SPDX-License-Identifier: MIT

import AttentionCore
import Testing

@Suite struct ShapeTests {
  @Test func extentsReadAndWriteTheirText() {
    #expect(Extents("30x48x80")?.values == [30, 48, 80])
    #expect(Extents("7")?.values == [7])
    for text in ["", "x", "7x", "7xx8", "a", "7 x 8"] {
      #expect(Extents(text) == nil, "\(text)")
    }
    #expect(Extents([4, 5, 6]).coordinate(of: 4 * 30 - 1) == [3, 4, 5])
    #expect(Extents([Int.max, 2]).checkedCount == nil)
  }

  @Test func sizesThatNoProblemCanHaveAreRefused() {
    #expect(throws: ShapeError.tooSmall(name: "queryLength", value: 0)) {
      try AttentionShape(queryLength: 0, headDim: 4)
    }
    #expect(throws: ShapeError.headsDoNotDivide(queryHeads: 6, keyValueHeads: 4)) {
      try AttentionShape(queryHeads: 6, keyValueHeads: 4, queryLength: 8, headDim: 4)
    }
    #expect(throws: ShapeError.gridDoesNotFit(grid: [2, 3], queryLength: 7)) {
      try AttentionShape(queryLength: 7, headDim: 4, grid: [2, 3])
    }
    #expect(throws: ShapeError.badScale(-1)) {
      try AttentionShape(queryLength: 7, headDim: 4, scale: -1)
    }
    #expect(throws: ShapeError.self) {
      try AttentionShape(queryHeads: 1 << 20, queryLength: 1 << 30, headDim: 1 << 10)
    }
  }

  @Test(arguments: [(5, 9), (9, 5), (7, 7), (1, 6), (6, 1), (1, 1)])
  func attendedPairsEqualTheirEnumeration(queries: Int, keys: Int) throws {
    for causality in Causality.allCases {
      let shape = try AttentionShape(
        queryLength: queries, keyLength: keys, headDim: 1, causality: causality)
      let pairs = (0..<queries).reduce(0) { $0 + shape.visibleKeys(query: $1) }
      #expect(MaskRule.sequence.attendedPairs(shape: shape) == pairs, "\(shape)")
    }
  }

  @Test func bottomRightLetsTheLastQuerySeeEveryKeyAndTopLeftTheFirstQueryOne() throws {
    let bottomRight = try AttentionShape(
      queryLength: 3, keyLength: 10, headDim: 1, causality: .bottomRight)
    #expect((0..<3).map { bottomRight.visibleKeys(query: $0) } == [8, 9, 10])
    let topLeft = try AttentionShape(
      queryLength: 3, keyLength: 10, headDim: 1, causality: .topLeft)
    #expect((0..<3).map { topLeft.visibleKeys(query: $0) } == [1, 2, 3])
    let blind = try AttentionShape(
      queryLength: 4, keyLength: 2, headDim: 1, causality: .bottomRight)
    #expect((0..<4).map { blind.visibleKeys(query: $0) } == [0, 0, 1, 2])
  }
}
