// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// SeerAttention-R: the learned gate for decoding, one choice per token and key-value head.
///
/// The queries of one token in a group of heads are mapped together to `gateDim` features, without
/// pooling over tokens; every finished block of `blockSize` keys is pooled by maximum, minimum and
/// mean and mapped to as many. Both are rotated by their positions. The gate is the softmax of
/// scaled products over the finished blocks before the token's own one. By `budget` a token attends
/// to `budget / blockSize` blocks, its own included, by `threshold` to the blocks above it and its
/// own. All heads of a group share the choice. Weights: `queryGate`
/// `[queryHeads, gateDim, headDim]`, whose products are added over a group, and `keyGate`
/// `[keyValueHeads, gateDim, 3 headDim]`.
///
/// - Note: Exact on the selected pairs; a budget of all keys is causal dense attention. The paper's
///   gate sees tensors before their rotary embedding; here it sees what it is given.
///
/// Source: Gao et al., *SeerAttention-R* (2025), arXiv:2506.08889, section 3.
public struct SeerR: AttentionMechanism {
  public enum Method: String, ParameterChoice { case budget, threshold }

  public struct Parameters: MechanismParameters {
    public var blockSize = 64
    public var gateDim = 128
    public var method = Method.budget
    public var budget = 4096
    public var threshold = 4e-3
    public var order = AttendSelected.Order.byBlock

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Keys per block."),
      ParameterField("gateDim", \.gateDim, "Features of the gate; an even number."),
      ParameterField("method", \.method, "How blocks are chosen."),
      ParameterField("budget", \.budget, "By budget: keys that a token attends to."),
      ParameterField("threshold", \.threshold, "By threshold: blocks above it are kept."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "seer-r", title: "SeerAttention-R decoding gate", family: .blockSelect,
    origin: Citation(
      "SeerAttention-R: Sparse Attention Adaptation for Long Reasoning", arXiv: "2506.08889",
      year: 2025),
    summary: "A learned gate chooses key blocks for every token, shared by the heads of a group.",
    patterns: [.causalSelf, .causalCross], exactness: .maskedExact,
    laws: [.rowStochastic, .causal],
    cost: "4 tokens budget headDim operations; 2 tokens (blocks + headDim) gateDim for the gate")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("blockSize", parameters.blockSize)
    try BlockSelectTexts.share("threshold", parameters.threshold)
    try LearnedGate.check(gateDim: parameters.gateDim)
    guard parameters.budget >= parameters.blockSize else {
      throw .outOfRange(
        parameter: "budget", value: "\(parameters.budget)",
        rule: "it must be at least blockSize = \(parameters.blockSize): the own block counts")
    }
    self.parameters = parameters
    self.shape = shape
  }

  /// The features follow from given gates.
  public static func overrides(impliedBy weights: [String: [Int]]) -> [String: String] {
    LearnedGate.overrides(impliedBy: weights)
  }

  private var gate: LearnedGate {
    LearnedGate(gateDim: parameters.gateDim, step: 1)
  }

  public var plan: Plan {
    let measure: BlockRule.Measure =
      parameters.method == .budget
      ? .top(parameters.budget / parameters.blockSize) : .above(parameters.threshold)
    let stage = AttendSelected(
      rows: .queries(1), blocks: .consecutive(parameters.blockSize), sharing: .group,
      scoring: .product(gate.product(isSoftmax: parameters.method == .threshold)),
      rule: BlockRule(measure), forced: ForcedBlocks(own: true),
      order: parameters.order)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  public var weightSpecifications: [WeightSpecification] {
    gate.weightSpecifications(shape: shape)
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    BlockSelectWeights.drawNormal(weightSpecifications, seed)
  }

  public var verificationLength: Int { 6 * parameters.blockSize + 29 }

  private var reference: BlockReference {
    BlockReference(shape: shape, queryBlock: 1, keyBlock: parameters.blockSize)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { _, batch, queryHead in
      choices(problem, batch: batch, group: queryHead / shape.headGroup)
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { _, batch, queryHead in
      choices(problem, batch: batch, group: queryHead / shape.headGroup)
    }
  }

  private func choices(
    _ problem: ReferenceProblem, batch: Int, group: Int
  ) -> [SelectionReference.Row] {
    let heads = (group * shape.headGroup..<(group + 1) * shape.headGroup).map { queryHead in
      (
        head: problem.head(batch: batch, queryHead: queryHead),
        matrix: GateReference.matrix(problem.weights["queryGate"], index: queryHead)
      )
    }
    let keys = gate.keys(
      heads[0].head.key, blocks: reference.blocks, weights: problem.weights, keyValueHead: group)
    return (0..<shape.queryLength).map { query in
      let visible = shape.visibleKeys(query: query)
      guard visible > 0 else { return .everything([]) }
      let own = (visible - 1) / parameters.blockSize
      var feature = [Double](repeating: 0, count: parameters.gateDim)
      for (head, matrix) in heads {
        let part = GateReference.product(matrix, Array(head.query[query]))
        for index in feature.indices { feature[index] += part[index] }
      }
      // Queries stand at the end of the keys.
      feature = gate.rotated(feature, at: query + shape.keyLength - shape.queryLength)
      return choice(feature, keys, own: own)
    }
  }

  private func choice(
    _ feature: [Double], _ keys: [[Double]], own: Int
  ) -> SelectionReference.Row {
    let products = Dictionary(
      uniqueKeysWithValues: (0..<own).map { ($0, BlockReference.dot(feature, keys[$0])) })
    let largest = products.values.map(abs).max() ?? 0
    guard parameters.method == .threshold else {
      return SelectionReference.Row(
        scores: products, rule: .top(parameters.budget / parameters.blockSize - 1), forced: [own],
        tolerance: 1e-5 * (1 + largest))
    }
    // Products carry 1e-5 of the largest into the exponent.
    return SelectionReference.Row(
      scores: SelectionReference.softmax(products, scale: gate.scale),
      rule: .above(parameters.threshold), forced: [own],
      tolerance: 1e-5 * (1 + gate.scale * largest))
  }
}
