// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import SuiteRunner
import Testing

@Suite struct AttentionSketchTests {
  private struct Setting {
    let id: String
    var overrides: [String: String] = [:]
    var length = 0
    var grid: Extents?
    var isCausal = false

    var shape: AttentionShape {
      get throws {
        try AttentionShape(
          queryLength: grid?.count ?? length, headDim: 16,
          causality: isCausal ? .bottomRight : .none, grid: grid)
      }
    }
  }

  /// The picture comes from the schedule, the weights from the oracle: two separate ways.
  @Test(arguments: [0, 1, 2, 3, 4, 5, 6])
  func aPictureShowsThePairsOfTheOracle(index: Int) throws {
    let settings = [
      Setting(id: "flash", length: 70), Setting(id: "flash", length: 70, isCausal: true),
      Setting(id: "neighborhood", overrides: ["window": "5x4", "dilation": "1x2"], grid: [9, 12]),
      Setting(id: "neighborhood", overrides: ["window": "3", "stride": "2"], grid: [5, 6, 7]),
      Setting(id: "neighborhood", overrides: ["window": "9"], length: 61, isCausal: true),
      Setting(
        id: "neighborhood", overrides: ["window": "7x7", "causalAxes": "1", "tiles": "flat"],
        grid: [10, 11]),
      Setting(id: "tri-shape", overrides: ["window": "9"], length: 170, isCausal: true),
    ]
    let setting = settings[index]
    let entry = try MechanismCatalogue.entry(setting.id)
    let shape = try setting.shape
    let sketch = try AttentionSketch(
      entry, overrides: setting.overrides, shape: shape, seed: Seed(3))
    let asked = try AttentionSketch.probe(
      entry, overrides: setting.overrides, shape: shape, seed: Seed(3))
    for query in 0..<shape.queryLength {
      let drawn = (0..<shape.keyLength).filter { sketch.map.attends(query, $0) }
      #expect(drawn == (0..<shape.keyLength).filter { asked.attends(query, $0) })
    }
  }

  @Test func aSelectionIsThatOfTheOracleAndDependsOnTheSeed() throws {
    let entry = try MechanismCatalogue.entry("moba")
    let shape = try AttentionShape(queryLength: 160, headDim: 8, causality: .bottomRight)
    let overrides = ["blockSize": "16", "topK": "3"]
    let map = try AttentionSketch(entry, overrides: overrides, shape: shape, seed: Seed(1)).map
    let expected = (0..<160).reduce(0) { $0 + $1 % 16 + 1 + min(2, $1 / 16) * 16 }
    #expect(map.attendedPairs == expected)
    #expect((0..<160).allSatisfy { map.attends($0, $0) })
    let other = try AttentionSketch(entry, overrides: overrides, shape: shape, seed: Seed(2)).map
    #expect(map != other)
  }

  @Test func aHeadThatIsNotThereIsRefused() throws {
    let entry = try MechanismCatalogue.entry("flash")
    let shape = try AttentionShape(queryHeads: 2, queryLength: 8, headDim: 4)
    #expect(throws: AttentionSketchError.noSuchHead(2, count: 2)) {
      try AttentionSketch(entry, overrides: [:], shape: shape, head: 2, seed: Seed(1))
    }
    let last = try AttentionSketch.probe(
      entry, overrides: [:], shape: shape, head: 1, seed: Seed(1))
    #expect(last.isDense)
  }

  @Test func whatHasNoPairsSaysSo() throws {
    let entry = try MechanismCatalogue.entry("linear")
    let shape = try AttentionShape(queryLength: 64, headDim: 8)
    #expect(throws: AttentionSketchError.noPairs(mechanism: "linear")) {
      try AttentionSketch(entry, overrides: [:], shape: shape, seed: Seed(1))
    }
  }

  @Test func aLargeProblemIsDrawnSmaller() throws {
    let entry = try MechanismCatalogue.entry("neighborhood")
    let grid: Extents = [30, 48, 80]
    let shape = try AttentionShape(
      batch: 2, queryHeads: 4, queryLength: grid.count, headDim: 8, grid: grid)
    let overrides = ["window": "3x5x5"]
    #expect(throws: AttentionSketchError.self) {
      try AttentionSketch(entry, overrides: overrides, shape: shape, seed: Seed(1))
    }
    let sketch = try AttentionSketch(
      reducing: entry, overrides: overrides, shape: shape, seed: Seed(1), limit: 1024)
    #expect(sketch.shape.queryLength <= 1024)
    #expect(sketch.shape.grid?.rank == 3)
    #expect(sketch.map.attendedPairs == sketch.shape.queryLength * 75)
  }
}
