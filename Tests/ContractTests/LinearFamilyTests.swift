// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import SuiteRunner
import Testing

/// Identities of linear attention that hold beside the agreement with the oracles.
@Suite struct LinearFamilyTests {
  /// Causal mechanisms made of features.
  static let causal = MechanismCatalogue.ids.filter { id in
    guard let shape = try? AttentionShape(queryLength: 8, headDim: 4, causality: .bottomRight),
      let mechanism = try? MechanismCatalogue.entry(id).make([:], shape: shape),
      case .features = mechanism.plan.stages.first
    else { return false }
    return true
  }

  @Test func thereAreCausalMechanisms() {
    #expect(Self.causal.count >= 12)
  }

  @Test(arguments: causal)
  func recurrentChunkedAndQuadraticFormsAgree(id: String) throws {
    let shape = try AttentionShape(
      queryHeads: 2, queryLength: 211, headDim: 32, valueDim: 24, causality: .bottomRight)
    let problem = try ContractProblem(ContractCase(id), shape: shape)
    let oracle = problem.oracle(nil)
    guard case .features(let stage) = problem.mechanism.plan.stages.first else { return }
    let tolerance = Tolerance(problem.mechanism.plan)
    for chunk in [1, 7, 16, 64, 256] {
      let plan = Plan(shape: problem.shape, stages: [.features(stage.with(chunkLength: chunk))])
      let engine = try Engines.prepare(
        plan, weights: problem.weights, context: try Contexts.best)
      let output = Tensor<Float>(shape.outputExtents)
      engine.run(problem.inputs, into: output)
      #expect(
        OutputComparison(output, oracle).relativeL2 <= tolerance.relativeL2, "chunks of \(chunk)")
    }
  }

  @Test(arguments: causal)
  func theStateOfADecoderDoesNotGrowWithTheSequence(id: String) throws {
    let counts = try [64, 4096].map { length -> Int in
      let shape = try AttentionShape(queryLength: length, headDim: 32, causality: .bottomRight)
      let plan = try MechanismCatalogue.entry(id).make([:], shape: shape).plan
      guard case .features(let stage) = plan.stages.first else { return -1 }
      return stage.stateCount(shape: shape)
    }
    #expect(counts[0] == counts[1])
    #expect(counts[0] >= 32 * 32)
  }

  /// The error of FAVOR+ falls with the root of the number of features: four times as many halve it.
  @Test func performersErrorFallsWithTheRootOfTheFeatures() throws {
    let shape = try AttentionShape(queryLength: 64, headDim: 8)
    var generator = SplitMix64(seed: Seed(3))
    let tensor = { (scale: Float) -> Tensor<Float> in
      let tensor = Tensor<Float>(shape.queryExtents)
      for index in 0..<tensor.count { tensor[index] = scale * generator.normal() }
      return tensor
    }
    let inputs = AttentionInputs.queryKeyValue(
      query: tensor(0.3), key: tensor(0.3), value: tensor(1))
    let dense = try MechanismCatalogue.entry("flash").make([:], shape: shape)
    let exact = dense.oracle(ReferenceProblem(shape: shape, inputs: inputs)).values
    let errors = try [32, 128, 512, 2048].map { features -> Double in
      let mechanism = try MechanismCatalogue.entry("performer").make(
        ["features": "\(features)", "epsilon": "1e-9"], shape: shape)
      // 20 draws: the spread of their mean is some 5 % where errors of a draw spread by 20 %.
      let squares = (0..<20).map { draw -> Double in
        let weights = mechanism.drawWeights(Seed(UInt64(100 + draw)))
        let output = mechanism.oracle(
          ReferenceProblem(shape: shape, inputs: inputs, weights: weights)
        ).values
        let difference = zip(output, exact).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return difference / exact.reduce(0) { $0 + $1 * $1 }
      }
      return (squares.reduce(0, +) / 20).squareRoot()
    }
    for (few, many) in zip(errors, errors.dropFirst()) {
      #expect(many / few > 0.35 && many / few < 0.65, "\(errors)")
    }
  }

  /// Exponentials of keys, and of what weighs them, are taken relative to the largest of 256 keys; some
  /// may lie far above.
  @Test(arguments: ["efficient", "lightnet", "rala"], [30, 60, 300] as [Float])
  func keysFarAboveTheSampledOnesAgreeWithTheOracle(id: String, height: Float) throws {
    let shape = try AttentionShape(queryHeads: 2, queryLength: 1000, headDim: 16)
    let problem = try ContractProblem(ContractCase(id), shape: shape)
    guard case .queryKeyValue(_, let key, _) = problem.inputs else { return }
    // The sample takes every third key from 0 on. One channel of the first head has two keys above
    // the others; at 60 their exponentials pass 2^60, at 300 the range of Float32.
    for row in [1, 998] { key[row * shape.headDim + 2] = height + Float(row) / 1000 }
    let output = try problem.run(Contexts.best).output
    let error = OutputComparison(output, problem.oracle(nil)).relativeL2
    #expect(error <= Tolerance(problem.mechanism.plan).relativeL2)
  }

  /// What epsilon adds to a feature is relative to the largest projection of all keys, which a causal
  /// pass may meet at its beginning, late, or among the keys that no query sees.
  @Test(arguments: [0, 45, 299])
  func theLargestKeyOfPerformerMayStandAnywhere(place: Int) throws {
    let sizes: [(Int, Causality)] = [
      (300, .bottomRight), (111, .bottomRight), (333, .topLeft), (200, .topLeft),
    ]
    for (queries, causality) in sizes {
      let shape = try AttentionShape(
        queryHeads: 2, queryLength: queries, keyLength: 300, headDim: 16, causality: causality)
      for height in [4, 12] as [Float] {
        let problem = try ContractProblem(ContractCase("performer"), shape: shape)
        guard case .queryKeyValue(_, let key, _) = problem.inputs else { continue }
        // Projections grow with the key, and exponentials of the others fall beside epsilon.
        for channel in 0..<shape.headDim { key[place * shape.headDim + channel] *= height }
        let oracle = problem.oracle(nil)
        for context in Contexts.single {
          let (output, engine) = try problem.run(context)
          #expect(engine.counts.exact == engine.expectedCounts)
          let error = OutputComparison(output, oracle).relativeL2
          #expect(
            error <= Tolerance(problem.mechanism.plan).relativeL2, "\(shape) at \(height): \(error)"
          )
        }
      }
    }
  }

  @Test func oneBlockOfSanaIsTheNoncausalForm() throws {
    let noncausal = try AttentionShape(queryHeads: 2, queryLength: 75, headDim: 16)
    let causal = try noncausal.with(causality: .bottomRight)
    let plain = try ContractProblem(ContractCase("sana-linear"), shape: noncausal)
    let blocks = try ContractProblem(
      ContractCase("sana-linear", ["block": "75"]), shape: causal)
    let left = try plain.run(Contexts.best).output
    let right = try blocks.run(Contexts.best, inputs: plain.inputs).output
    // Sums in another order.
    for index in 0..<left.count { #expect(abs(left[index] - right[index]) < 1e-4) }
  }

  @Test func scalingAllKeysChangesNothingInTransNormer() throws {
    let shape = try AttentionShape(queryLength: 90, headDim: 16)
    let problem = try ContractProblem(ContractCase("transnormer"), shape: shape)
    guard case .queryKeyValue(let query, let key, let value) = problem.inputs else { return }
    let before = try problem.run(Contexts.best).output
    for index in 0..<value.count { value[index] *= 64 }
    let after = try problem.run(
      Contexts.best, inputs: .queryKeyValue(query: query, key: key, value: value)
    ).output
    // The state is bilinear in features and values, so values stand for features; epsilon is 1e-6.
    for index in 0..<before.count { #expect(abs(before[index] - after[index]) < 1e-4) }
  }

  @Test func theCosineTransformOfDiJiangIsOrthonormal() throws {
    let width = 24
    let shape = try AttentionShape(queryLength: 4, headDim: width, causality: .bottomRight)
    let mechanism = try MechanismCatalogue.entry("dijiang").make([:], shape: shape)
    var rows = Rows(count: width, width: width)
    rows.values = mechanism.drawWeights(Seed(5))["projection"].array.map(Double.init)
    for row in 0..<width {
      for other in 0..<row {
        // Rows are columns of the transform times a weight of the order of 1, in Float32.
        #expect(abs(rows.dot(row, rows, other)) < 1e-5)
      }
    }
  }

  @Test(arguments: ["efficient", "fastmax", "cosformer", "linfusion"])
  func aConstantValueIsReproduced(id: String) throws {
    let shape = try AttentionShape(queryLength: 61, keyLength: 83, headDim: 24)
    let problem = try ContractProblem(ContractCase(id), shape: shape)
    guard case .queryKeyValue(let query, let key, let value) = problem.inputs else { return }
    value.elements.update(repeating: 0.5)
    let output = try problem.run(
      Contexts.best, inputs: .queryKeyValue(query: query, key: key, value: value)
    ).output
    // LinFusion adds 1e-4 to a mean product of about 24.
    #expect(output.array.allSatisfy { abs($0 - 0.5) < 1e-5 })
  }

  @Test func injectiveAttentionTellsScaledQueriesApart() throws {
    let shape = try AttentionShape(queryLength: 40, headDim: 16)
    let problem = try ContractProblem(
      ContractCase("inline", ["residual": "false"]), shape: shape)
    guard case .queryKeyValue(let query, let key, let value) = problem.inputs else { return }
    let before = try problem.run(Contexts.best).output.array
    for index in 0..<query.count { query[index] *= 2 }
    let after = try problem.run(
      Contexts.best, inputs: .queryKeyValue(query: query, key: key, value: value)
    ).output.array
    #expect(zip(before, after).contains { abs($0 - $1) > 1e-3 })
  }

  /// Below a block, on its edges, and with pieces of several rows in several blocks.
  @Test(arguments: ["rpe-fft", "hyena"], [1, 63, 64, 65, 513, 1100, 2300])
  func convolutionsOfAnyLengthAreToeplitzProducts(id: String, length: Int) throws {
    for causality in id == "hyena" ? [Causality.bottomRight] : [.bottomRight, .none] {
      let shape = try AttentionShape(
        queryHeads: 1, queryLength: length, headDim: 5, causality: causality)
      let overrides = id == "hyena" ? [:] : ["features": "3"]
      let problem = try ContractProblem(ContractCase(id, overrides), shape: shape)
      let output = try problem.run(Contexts.best).output
      let comparison = OutputComparison(output, problem.oracle(nil))
      #expect(comparison.relativeL2 <= Tolerance(problem.mechanism.plan).relativeL2)
    }
  }

  @Test(arguments: ["rpe-fft", "hyena"])
  func futureTokensChangeConvolutionsByRoundingAlone(id: String) throws {
    let shape = try AttentionShape(
      queryHeads: 2, queryLength: 127, headDim: 16, causality: .bottomRight)
    let problem = try ContractProblem(ContractCase(id), shape: shape)
    guard case .queryKeyValue(let query, let key, let value) = problem.inputs else { return }
    let before = try problem.run(Contexts.best).output.array
    for head in 0..<2 {
      for index in 64 * 16..<127 * 16 { value[head * 127 * 16 + index] *= -1 }
    }
    let after = try problem.run(
      Contexts.best, inputs: .queryKeyValue(query: query, key: key, value: value)
    ).output.array
    for head in 0..<2 {
      for index in head * 127 * 16..<(head * 127 + 64) * 16 {
        // A transform spreads roundings of the largest sums, of the order of 100, over all places.
        #expect(abs(before[index] - after[index]) < 1e-3)
      }
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let shape = try AttentionShape(
      queryLength: 16, headDim: 8, valueDim: 4, causality: .bottomRight)
    #expect(throws: MechanismError.self) {
      try MechanismCatalogue.entry("hyena").make([:], shape: shape)
    }
    let square = try AttentionShape(queryLength: 16, headDim: 8)
    for (id, overrides) in [
      ("flatten", ["kernel": "4"]), ("soft", ["ratio": "0"]), ("rpe-fft", ["features": "0"]),
      ("nystromformer", ["landmarks": "0"]), ("log-normal", ["a": "0"]),
      ("fastmax", ["limit": "0"]), ("hedgehog", ["temperature": "0"]),
    ] {
      #expect(throws: MechanismError.self, "\(id)") {
        try MechanismCatalogue.entry(id).make(overrides, shape: square)
      }
    }
  }
}
