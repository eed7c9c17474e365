// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import SuiteRunner
import Testing

/// What local mechanisms and score modifiers must be, stated apart from their oracles.
@Suite struct LocalExactnessTests {
  /// Float32 rounding of a few hundred terms.
  private static let tolerance = 2e-6

  private static func inputs(_ shape: AttentionShape) -> AttentionInputs {
    InputGenerator(seed: Seed(11)).inputs(.gaussian, kind: .queryKeyValue, shape: shape)
  }

  private static func output(
    _ id: String, _ overrides: [String: String], _ shape: AttentionShape, _ inputs: AttentionInputs,
    weights: WeightSet? = nil
  ) throws -> Tensor<Float> {
    let mechanism = try MechanismCatalogue.entry(id).make(overrides, shape: shape)
    let engine = try Engines.prepare(
      mechanism.plan, weights: weights ?? mechanism.drawWeights(Seed(12)), context: Contexts.best)
    let output = Tensor<Float>(mechanism.outputExtents)
    engine.run(inputs, into: output)
    return output
  }

  /// Position (y, x) of a grid of 6 x 4 cells of 3 x 5 moves to (y mod 6, y div 6), and x alike.
  @Test func gridAttentionIsBlockAttentionOfPermutedTokens() throws {
    let (size, cells) = ([3, 5], [6, 4])
    let grid: Extents = [18, 20]
    let shape = try AttentionShape(queryHeads: 2, queryLength: 360, headDim: 16, grid: grid)
    let inputs = Self.inputs(shape)
    guard case .queryKeyValue(let query, let key, let value) = inputs else { return }
    func moved(_ token: Int) -> Int {
      let position = grid.coordinate(of: token)
      let to = (0..<2).map { position[$0] % cells[$0] * size[$0] + position[$0] / cells[$0] }
      return to[0] * grid[1] + to[1]
    }
    func permuted(_ rows: Tensor<Float>) -> Tensor<Float> {
      let result = Tensor<Float>(rows.extents)
      for head in 0..<2 {
        for token in 0..<360 {
          (result.matrix(batch: 0, head: head) + moved(token) * 16)
            .update(from: rows.matrix(batch: 0, head: head) + token * 16, count: 16)
        }
      }
      return result
    }
    let across = try Self.output("maxvit", ["part": "grid", "size": "3x5"], shape, inputs)
    let inside = try Self.output(
      "maxvit", ["part": "block", "size": "3x5"], shape,
      .queryKeyValue(query: permuted(query), key: permuted(key), value: permuted(value)))
    let reference = ReferenceOutput(
      extents: shape.outputExtents, values: permuted(across).array.map(Double.init))
    #expect(OutputComparison(inside, reference).relativeL2 < Self.tolerance)
  }

  /// `fastgen` knows only after a run which of its five masks a head takes, and its frequent keys.
  ///
  /// Here those are the first 19, four of which are special. The window has 19 keys, too.
  @Test(
    arguments: [
      (0, 1 + 2 + 3 + 4 * 61), (2, 19 * 20 / 2 + 45 * 19), (3, 38 * 39 / 2 + 26 * 38),
      (4, 64 * 65 / 2),
    ] as [(Int32, Int)])
  func workFollowsTheMasksThatHeadsPick(mask: Int32, pairs: Int) throws {
    let shape = try AttentionShape(
      queryHeads: 4, queryLength: 64, headDim: 16, causality: .bottomRight)
    let plan = try MechanismCatalogue.entry("fastgen")
      .make(["special": "4", "punctuationShare": "0"], shape: shape).plan
    let head = [mask] + [Int32](repeating: -1, count: 18) + (0..<19)
    let picked = Selection(rows: 2, capacity: 19, ids: head + head + head + head)
    #expect(plan.attendedPairsOfHeads != 4 * pairs)
    #expect(plan.realised(picked).attendedPairsOfHeads == 4 * pairs)
  }

  /// Keys that the last queries all look at are frequent, wherever they lie.
  @Test func keysOfLargeWeightsAreFrequent() throws {
    let shape = try AttentionShape(queryLength: 200, headDim: 16, causality: .bottomRight)
    let inputs = Self.inputs(shape)
    guard case .queryKeyValue(let query, let key, _) = inputs else { return }
    let (queries, keys) = (query.matrix(batch: 0, head: 0), key.matrix(batch: 0, head: 0))
    for row in 168..<200 { queries[row * 16] = 20 }
    for row in [3, 50, 51, 120] { keys[row * 16] = 20 }
    let mechanism = try MechanismCatalogue.entry("fastgen").make(
      ["special": "1", "punctuationShare": "0", "frequentShare": "0.02"], shape: shape)
    let engine = try Engines.prepare(
      mechanism.plan, weights: WeightSet(), context: Contexts.best)
    engine.run(inputs, into: Tensor<Float>(mechanism.outputExtents))
    #expect(engine.selection?.blocks(head: 0, row: 0) == [2])
    #expect(engine.selection?.blocks(head: 0, row: 1) == [3, 50, 51, 120])
  }

  @Test func aDiskLiesInsideTheNeighborhoodOfItsDiameter() throws {
    let grid: Extents = [19, 23]
    let shape = try AttentionShape(queryLength: grid.count, headDim: 8, grid: grid)
    let mechanism = try MechanismCatalogue.entry("clear").make(["radius": "5"], shape: shape)
    guard case .attend(let stage) = mechanism.plan.stages[0],
      case .patterns(let heads) = stage.rule
    else { return #expect(Bool(false), "disks are patterns") }
    for query in 0..<grid.count {
      let from = grid.coordinate(of: query)
      for span in heads.patterns[0].keys.spans(of: query, keyLength: grid.count) {
        for key in span {
          #expect(zip(from, grid.coordinate(of: key)).allSatisfy { abs($0 - $1) <= 4 })
        }
      }
    }
  }

  @Test func aCapFarAboveTheScoresChangesNothing() throws {
    let shape = try AttentionShape(
      queryHeads: 2, queryLength: 197, headDim: 64, causality: .bottomRight)
    let inputs = Self.inputs(shape)
    let capped = try Self.output("flex", ["mask": "none", "softCap": "1e5"], shape, inputs)
    let dense = SoftmaxReference.dense(ReferenceProblem(shape: shape, inputs: inputs))
    // s - s^3 / 3e10 is s; what is left are the roundings of s / 1e5 and back.
    #expect(OutputComparison(capped, dense).relativeL2 < Self.tolerance)
  }

  @Test func aCapOfAlmostNothingIsTheMeanOfTheValues() throws {
    let shape = try AttentionShape(queryLength: 65, headDim: 16)
    let inputs = Self.inputs(shape)
    let capped = try Self.output("flex", ["mask": "none", "softCap": "1e-7"], shape, inputs)
    guard case .queryKeyValue(_, _, let value) = inputs else { return }
    for channel in 0..<16 {
      let mean = (0..<65).reduce(0) { $0 + value[$1 * 16 + channel] } / 65
      #expect(abs(capped[33 * 16 + channel] - mean) < 1e-6)
    }
  }

  @Test func vectorsOfZerosLeaveTheHaloAsItIs() throws {
    let shape = try AttentionShape(queryHeads: 2, queryLength: 252, headDim: 16, grid: [14, 18])
    let inputs = Self.inputs(shape)
    let zeros = Tensor<Float>([2 * 15, 16], [Float](repeating: 0, count: 480))
    let plain = try Self.output("halo", ["block": "4", "halo": "2"], shape, inputs)
    let with = try Self.output(
      "halo", ["block": "4", "halo": "2", "relativeVectors": "true"], shape, inputs,
      weights: WeightSet(["vectors": zeros]))
    let reference = ReferenceOutput(
      extents: shape.outputExtents, values: plain.array.map(Double.init))
    #expect(OutputComparison(with, reference).relativeL2 < Self.tolerance)
  }

  @Test func vectorsOfZeroKeysAreRefused() throws {
    let shape = try AttentionShape(queryLength: 252, headDim: 16, grid: [14, 18])
    #expect(throws: MechanismError.self) {
      try MechanismCatalogue.entry("halo").make(
        ["outside": "zeros", "relativeVectors": "true"], shape: shape)
    }
    #expect(throws: MechanismError.self) {
      try MechanismCatalogue.entry("flex").make(["softCap": "-1"], shape: shape)
    }
  }

  /// One engine serves short windows with a kernel of their own where there is one.
  @Test(arguments: ["7", "8", "5x12", "16"])
  func shortWindowsAreTheSameInEveryTable(window: String) throws {
    let shape = try AttentionShape(queryHeads: 3, queryLength: 504, headDim: 40, grid: [18, 28])
    let inputs = Self.inputs(shape)
    let mechanism = try MechanismCatalogue.entry("swin-window").make(
      ["window": window, "shift": "half"], shape: shape)
    let weights = mechanism.drawWeights(Seed(12))
    let reference = mechanism.oracle(
      ReferenceProblem(shape: shape, inputs: inputs, weights: weights))
    for context in Contexts.single {
      let engine = try Engines.prepare(mechanism.plan, weights: weights, context: context)
      let output = Tensor<Float>(mechanism.outputExtents)
      engine.run(inputs, into: output)
      #expect(OutputComparison(output, reference).relativeL2 < Self.tolerance)
      #expect(engine.counts.exact == engine.expectedCounts)
    }
  }
}
