// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import Testing

/// Every engine with more threads than CPUs: the same bits as with one thread.
///
/// Under the thread sanitizer no two threads may meet. Plans are made here, so that nothing else need
/// be built.
@Suite struct EngineThreadsTests {
  private static let quantisation = QuantizationRule(
    queryGroup: 32, keyGroup: 64, smoothsKeys: true, valuePrecision: .int8)
  private static let window = NeighborhoodMask(axes: [
    AxisWindow(length: 12, window: 5, stride: 1, dilation: 1, isCausal: false),
    AxisWindow(length: 15, window: 3, stride: 1, dilation: 2, isCausal: false),
  ])

  private static let stages: [(name: String, stage: Stage, causality: Causality)] = [
    ("loops", .explicitScores(ExplicitScores(products: .loops)), .bottomRight),
    ("blas", .explicitScores(ExplicitScores(products: .blas)), .none),
    ("tiles", .attend(Attend()), .bottomRight),
    ("chunks", .attend(Attend(keyChunk: 32)), .none),
    ("window", .attend(Attend(rule: .neighborhood(window))), .none),
    (
      "diagonal",
      .attend(Attend(rule: .neighborhood(window), queryTiling: .diagonal)), .none
    ),
    ("bfloat16", .attend(Attend(precision: .bfloat16)), .none),
    ("int8", .attend(Attend(precision: .int8(quantisation))), .bottomRight),
    (
      "by block", .attendSelected(AttendSelected(blockSize: 16, topK: 3, order: .byBlock)),
      .bottomRight
    ),
    (
      "by query", .attendSelected(AttendSelected(blockSize: 16, topK: 3, order: .byQuery)),
      .bottomRight
    ),
    ("decode", .decode(Decode(splits: 3)), .bottomRight),
    ("decode int8", .decode(Decode(keyValuePrecision: .int8, splits: 3)), .bottomRight),
    (
      "state", .scan(Scan(featureMap: .elu1, normalizer: .sum(epsilon: 1e-6), chunkLength: 64)),
      .none
    ),
    (
      "scan", .scan(Scan(featureMap: .relu, normalizer: .none, chunkLength: 64)), .bottomRight
    ),
    (
      "features",
      .features(
        FeatureAttention(
          queryMap: [.softmax], keyMap: [.softmax], normalizer: .sum(epsilon: 1e-6))), .none
    ),
    (
      "landmarks",
      .lowRank(LowRank(kernel: .softmaxOfMeans(landmarks: 9), iterations: 6, local: nil)), .none
    ),
    ("transforms", .mixTokens(.fourier2D), .none),
  ]

  @Test(arguments: stages.map(\.name))
  func manyThreadsGiveTheBitsOfOne(name: String) throws {
    let found = try #require(Self.stages.first { $0.name == name })
    let shape = try AttentionShape(
      batch: 2, queryHeads: 4, keyValueHeads: name == "transforms" ? 4 : 2, queryLength: 180,
      headDim: 24, causality: found.causality, grid: [12, 15])
    try Self.expectSameBits(
      Plan(shape: shape, stages: [found.stage]), takesTokens: name == "transforms")
  }

  /// Several chunks of queries, in rows that whole vectors hold and in others.
  @Test(arguments: [24, 32])
  func blocksWeighedByTheirScoresHaveTheBitsOfOneThread(headDim: Int) throws {
    let stage = AttendSelected(
      rows: .queries(1), blocks: .consecutive(50),
      scoring: .product(FeatureProduct(key: PooledFeature([.last]))), rule: BlockRule(.top(5)),
      forced: ForcedBlocks(own: true), order: .byBlock, merging: .lastKeys)
    let shape = try AttentionShape(
      queryLength: 9000, headDim: headDim, causality: .bottomRight)
    try Self.expectSameBits(
      Plan(shape: shape, stages: [.attendSelected(stage)]), takesTokens: false)
  }

  private static func expectSameBits(_ plan: Plan, takesTokens: Bool) throws {
    let shape = plan.shape
    let inputs = Self.inputs(takesTokens, shape)
    let kernels = try #require(KernelTable.available.last)
    var expected: [UInt32]?
    for threads in [1, 4] {
      let context = ExecutionContext(
        kernels: kernels, pool: WorkerPool(threads: threads, pins: false))
      let engine = try Engines.prepare(plan, context: context)
      let output = Tensor<Float>(
        takesTokens ? shape.tokenExtents : shape.outputExtents)
      for _ in 0..<3 {
        engine.run(inputs, into: output)
        let bits = output.array.map(\.bitPattern)
        #expect(bits == expected ?? bits)
        expected = bits
      }
      let areNumbers = output.array.allSatisfy { $0.isFinite }
      #expect(areNumbers)
    }
  }

  private static func inputs(_ areTokens: Bool, _ shape: AttentionShape) -> AttentionInputs {
    let fill = { (extents: [Int], stream: String) in
      var random = SplitMix64(seed: Seed(7).child(stream))
      let tensor = Tensor<Float>(extents)
      for index in 0..<tensor.count { tensor[index] = random.normal() }
      return tensor
    }
    guard !areTokens else { return .tokens(fill(shape.tokenExtents, "x")) }
    return .queryKeyValue(
      query: fill(shape.queryExtents, "q"), key: fill(shape.keyExtents, "k"),
      value: fill(shape.valueExtents, "v"))
  }
}
