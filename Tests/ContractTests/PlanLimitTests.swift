// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import Testing

/// Plans that grow with the tokens are refused before they take minutes and gigabytes.
@Suite struct PlanLimitTests {
  /// A mechanism that forgot to say that it is planned query by query is found here.
  @Test(arguments: ContractCase.all)
  func aMaskThatIsPlannedByQueryHasALimit(item: ContractCase) throws {
    for shape in try item.shapes(length: 65) {
      let entry = try MechanismCatalogue.entry(item.id)
      guard try entry.make(item.overrides, shape: shape).plan.countsEveryQuery else { continue }
      let long = try shape.with(
        queryLength: 1_000_000, keyLength: 1_000_000 + shape.keyLength - shape.queryLength,
        grid: [100, 100, 100])
      let error = #expect(throws: MechanismError.self) {
        _ = try entry.make(item.overrides, shape: long)
      }
      let text = error.map { "\($0)" } ?? ""
      #expect(text.contains("1000000") && text.contains("at most 262144"), "\(text)")
    }
  }

  /// Two tokens a frame: pairs of frames are what a plan looks at.
  @Test(arguments: ["block", "token"])
  func framesWithoutNumberAreRefused(form: String) throws {
    let shape = try AttentionShape(queryLength: 1 << 17, headDim: 16, grid: [1 << 16, 2])
    let error = #expect(throws: MechanismError.self) {
      _ = try MechanismCatalogue.entry("radial").make(["form": form], shape: shape)
    }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains("65536 frames of 2 tokens") && text.contains("at most"), "\(text)")
  }

  @Test(arguments: ["block-sparse-flash", "bigbird", "s2-attention"])
  func blocksWithoutNumberAreRefused(id: String) throws {
    let entry = try MechanismCatalogue.entry(id)
    let causality: Causality =
      entry.card.patterns.contains(.noncausalSelf) ? .none : .bottomRight
    let shape = try AttentionShape(
      queryLength: 1 << 17, headDim: 16, causality: causality)
    let error = #expect(throws: MechanismError.self) {
      _ = try entry.make(["blockSize": "1"], shape: shape)
    }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains("131072 blocks") && text.contains("use larger blocks"), "\(text)")
  }

  @Test(arguments: ["radial", "sliding-tile"])
  func theLongestSequenceIsPlanned(id: String) throws {
    let shape = try AttentionShape(queryLength: 1 << 18, headDim: 16, grid: [16, 128, 128])
    let plan = try MechanismCatalogue.entry(id).make([:], shape: shape).plan
    let pairs = try #require(plan.attendedPairs)
    #expect(pairs > 1 << 18 && pairs < 1 << 36)
  }

  /// The product over the axes against one query after another.
  @Test func pairsOfBoxesAreThoseOfTheirQueries() throws {
    let shape = try AttentionShape(queryLength: 12 * 15 * 7, headDim: 16, grid: [12, 15, 7])
    for windows in ["3x3x3", "1x2x3"] {
      let entry = try MechanismCatalogue.entry("sliding-tile")
      let plan = try entry.make(["tile": "2x4x3", "windows": windows], shape: shape).plan
      guard case .attend(let stage) = plan.stages[0], case .patterns(let heads) = stage.rule else {
        Issue.record("no patterns")
        return
      }
      let keys = heads.patterns[0].keys
      let sum = (0..<shape.queryLength).reduce(0) { total, query in
        keys.spans(of: query, keyLength: shape.keyLength).reduce(total) { $0 + $1.count }
      }
      #expect(plan.attendedPairs == sum)
    }
  }
}
