// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import RealModule
import SuiteRunner
import Testing

/// Laws of the quantised tile engine that no single mechanism states.
@Suite struct QuantisedEngineTests {
  private func shape(
    _ queries: Int = 200, _ keys: Int = 333, causal: Bool = false
  ) throws -> AttentionShape {
    try AttentionShape(
      queryHeads: 4, keyValueHeads: 2, queryLength: queries, keyLength: keys, headDim: 72,
      valueDim: 40, causality: causal ? .bottomRight : .none)
  }

  private func inputs(
    _ shape: AttentionShape, _ kind: GeneratedInput = .gaussian
  ) -> AttentionInputs {
    InputGenerator(seed: Seed(8)).inputs(kind, kind: .queryKeyValue, shape: shape)
  }

  private func run(
    _ plan: QuantisationPlan, _ shape: AttentionShape, _ inputs: AttentionInputs,
    context: ExecutionContext
  ) throws -> Tensor<Float> {
    let engine = try Engines.prepare(
      Plan(shape: shape, stages: [.attend(Attend(precision: .quantised(plan)))]), context: context)
    let output = Tensor<Float>(shape.outputExtents)
    engine.run(inputs, into: output)
    return output
  }

  private func plan(
    _ scores: OperandFormat, _ values: OperandFormat = .number(.float32),
    weights: WeightRule = WeightRule(.number(.float32))
  ) -> QuantisationPlan {
    QuantisationPlan(
      query: OperandRule(scores), key: OperandRule(scores),
      value: OperandRule(values, group: .channel), weights: weights)
  }

  @Test(arguments: [false, true])
  func withoutQuantisationItIsDenseAttention(causal: Bool) throws {
    let shape = try shape(causal: causal)
    let inputs = inputs(shape)
    let dense = SoftmaxReference.dense(ReferenceProblem(shape: shape, inputs: inputs))
    for context in Contexts.single {
      let output = try run(plan(.number(.float32)), shape, inputs, context: context)
      // Float32 sums of a few hundred terms.
      #expect(OutputComparison(output, dense).relativeL2 < 2e-6)
    }
  }

  /// Queries, keys, values and weights in any combination of formats, and every other switch.
  @Test(arguments: 0..<60)
  func everyPlanAgreesWithItsDefinition(index: Int) throws {
    var generator = SplitMix64(seed: Seed(UInt64(index)).child("plans"))
    func pick<Element>(_ elements: [Element]) -> Element {
      elements[Int(generator.next() % UInt64(elements.count))]
    }
    let scores: [OperandFormat] =
      [.micro(.nvfp4), .micro(.mxfp4)]
      + [.float32, .bfloat16, .float16, .e5m2, .e4m3, .int8, .int4].map { .number($0) }
    let format = pick(scores)
    let groups = [ScaleGroup.tensor, .block, .thread, .token]
    let values = pick(scores.filter { $0 != .number(.int4) })
    let weights: [WeightRule] = [
      WeightRule(.number(.float32)), WeightRule(.number(.bfloat16)), WeightRule(.number(.float16)),
      WeightRule(.number(.int8), scale: 127), WeightRule(.number(.int8), scale: 255),
      WeightRule(.number(.e4m3), scale: 448), WeightRule(.number(.e5m2), scale: 57344),
      WeightRule(.micro(.nvfp4), scale: 2688), WeightRule(.micro(.nvfp4)),
      WeightRule(.micro(.mxfp4)),
    ]
    var plan = QuantisationPlan(
      query: OperandRule(format, group: pick(groups), block: pick([16, 48])),
      key: OperandRule(format, group: pick(groups), block: pick([16, 80])),
      value: OperandRule(values, group: pick([.channel, .tensor, .block, .token])),
      weights: pick(weights))
    plan.rounding = pick([.even, .away])
    plan.smoothsKeys = pick([true, false])
    plan.smoothsValues = pick([true, false])
    plan.smoothedQueries = pick([nil, 32, 64])
    plan.rotation = pick([nil, Rotation(seed: index)])
    plan.keyBlock = pick([32, 64, 96])
    plan.sums = SumRule(
      pick([.float32, .fp22, .float16]), twoLevel: pick([true, false]), depth: pick([16, 32, 64]))
    // Float16 holds sums of numbers up to about 1 only.
    if plan.sums.kind == .float16 {
      plan.weights = WeightRule(.number(.e4m3), scale: 448)
      plan.value = OperandRule(.number(.e4m3), group: .channel, range: 2.25)
      plan.sums.twoLevel = true
    }
    plan.quantisedDenominator = pick([true, false])
    let shape = try shape(pick([33, 100]), pick([100, 197]), causal: pick([true, false]))
    let inputs = inputs(shape, pick([.gaussian, .peaky, .outlierChannels]))
    let reference = QuantisedAttentionReference(plan, softmaxScale: shape.softmaxScale)
    let expected = ReferenceProblem(shape: shape, inputs: inputs).mapHeads { head, _, _ in
      reference.attend(head) { SoftmaxReference.allows(shape, query: $0, key: $1) }
    }
    for context in Contexts.single {
      let output = try run(plan, shape, inputs, context: context)
      let error = OutputComparison(output, expected)
      // Weights and sums next to a step of their format may fall on either side of it.
      let exact = plan.weights.format == .number(.float32) && plan.sums.kind == .float32
      #expect(error.relativeL2 < (exact ? 3e-6 : 5e-3), "\(plan)")
    }
  }

  /// The fast kernels and the general engine are two implementations of one mechanism.
  @Test(arguments: ["T", "B", "vT", "vB"])
  func theFastKernelsAgreeWithTheEngineForAnyPlan(variant: String) throws {
    let shape = try shape()
    let inputs = inputs(shape)
    let mechanism = try MechanismCatalogue.entry("sage1").make(
      ["variant": variant, "valuePrecision": "float32"], shape: shape)
    let engine = try Engines.prepare(mechanism.plan, context: Contexts.best)
    let fast = Tensor<Float>(shape.outputExtents)
    engine.run(inputs, into: fast)
    let isBlock = variant.hasSuffix("B")
    var plan = plan(.number(.int8))
    plan.query.group = isBlock ? .block : .token
    plan.query.block = 128
    plan.key.group = plan.query.group
    plan.smoothsKeys = true
    if variant.hasPrefix("v") {
      plan.value.format = .number(.int8)
      plan.weights = WeightRule(.number(.int8), scale: 127)
    }
    let general = try run(plan, shape, inputs, context: Contexts.best)
    let reference = ReferenceOutput(
      extents: shape.outputExtents, values: general.array.map(Double.init))
    // Queries are divided by a scale in the one and multiplied by its reciprocal in the other, so a
    // code next to a step may differ; of two thousand codes per token hardly any does.
    #expect(OutputComparison(fast, reference).relativeL2 < 3e-3)
  }

  @Test func constantValuesAreKeptByQuantisedDenominators() throws {
    let shape = try shape()
    guard case .queryKeyValue(let query, let key, let value) = inputs(shape, .peaky) else { return }
    for index in 0..<value.count { value[index] = 0.75 }
    for rule in [
      WeightRule(.number(.int8), scale: 127), WeightRule(.number(.e4m3), scale: 448),
      WeightRule(.micro(.nvfp4), scale: 2688), WeightRule(.micro(.mxfp4)),
    ] {
      var plan = plan(.number(.int8), weights: rule)
      plan.quantisedDenominator = true
      let output = try run(
        plan, shape, .queryKeyValue(query: query, key: key, value: value), context: Contexts.best)
      #expect(output.array.allSatisfy { abs($0 - 0.75) < 1e-5 })
    }
  }

  /// Sums of rounded weights over the exact sum, the worst row; scales of direct weights drop the tail.
  @Test func stretchedWeightsKeepTheTailOfARow() throws {
    let shape = try AttentionShape(queryLength: 256, keyLength: 8192, headDim: 128)
    guard case .queryKeyValue(let query, let key, let value) = inputs(shape, .peaky) else { return }
    for index in 0..<value.count { value[index] = 1 }
    let ones = AttentionInputs.queryKeyValue(query: query, key: key, value: value)
    func worst(_ rule: WeightRule) throws -> Float {
      let output = try run(
        plan(.number(.float32), weights: rule), shape, ones, context: Contexts.best)
      return output.array.reduce(0) { max($0, abs($1 - 1)) }
    }
    let stretched = try worst(WeightRule(.micro(.nvfp4), scale: 2688))
    let direct = try worst(WeightRule(.micro(.nvfp4)))
    let int8 = try worst(WeightRule(.number(.int8), scale: 127))
    let e4m3 = try worst(WeightRule(.number(.e4m3), scale: 448))
    // An independent emulation found .033, .285, .285 and .012.
    #expect(stretched < 0.05 && direct > 0.15 && direct > 4 * stretched)
    #expect(int8 > 0.15 && e4m3 < 0.02)
  }

  @Test func smoothedKeysGiveTheSameLogSumExp() throws {
    let shape = try shape()
    let inputs = inputs(shape, .outlierChannels)
    var plan = plan(.number(.float32))
    let problem = ReferenceProblem(shape: shape, inputs: inputs)
    for (smoothsKeys, smoothedQueries) in [(false, nil), (true, nil), (true, 64)] as [(Bool, Int?)]
    {
      plan.smoothsKeys = smoothsKeys
      plan.smoothedQueries = smoothedQueries
      let engine = try PreparedQuantisedSoftmax(
        Attend(precision: .quantised(plan)), shape: shape, context: Contexts.best)
      let sums = Tensor<Float>([1, shape.queryHeads, shape.queryLength])
      engine.run(inputs, into: Tensor(shape.outputExtents), logSumExp: sums)
      for queryHead in 0..<shape.queryHeads {
        let head = problem.head(batch: 0, queryHead: queryHead)
        for query in stride(from: 0, to: shape.queryLength, by: 17) {
          let scores = (0..<shape.keyLength).map {
            shape.softmaxScale * head.query.dot(query, head.key, $0)
          }
          let largest = scores.max() ?? 0
          let expected =
            largest + Double.log(scores.reduce(0) { $0 + Double.exp($1 - largest) })
          // Scores around 50 in Float32.
          #expect(abs(Double(sums[queryHead * shape.queryLength + query]) - expected) < 5e-5)
        }
      }
    }
  }

  @Test func narrowSumsAreWorseThanTwoLevels() throws {
    let shape = try AttentionShape(queryLength: 64, keyLength: 8192, headDim: 64)
    let inputs = inputs(shape)
    let wide = try run(plan(.number(.int8)), shape, inputs, context: Contexts.best)
    let reference = ReferenceOutput(
      extents: shape.outputExtents, values: wide.array.map(Double.init))
    func error(_ twoLevel: Bool) throws -> Double {
      var plan = plan(.number(.int8))
      plan.sums = SumRule(.fp22, twoLevel: twoLevel)
      let output = try run(plan, shape, inputs, context: Contexts.best)
      return OutputComparison(output, reference).relativeL2
    }
    let (one, two) = (try error(false), try error(true))
    #expect(two > 0 && one > 3 * two, "\(one) on one level, \(two) on two")
  }

  @Test(arguments: [true, false])
  func adaptiveSageTakesEightBitValuesWhereTheyAreGoodEnough(isGood: Bool) throws {
    let shape = try shape()
    let entry = try MechanismCatalogue.entry("sage1")
    let chosen = try entry.make(
      ["variant": "adaptive", "calibratedCosine": isGood ? "0.9985" : "0.998"], shape: shape)
    let named = try entry.make(["variant": isGood ? "vB" : "B"], shape: shape)
    #expect(chosen.plan == named.plan)
  }
}
