// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// SeerAttention: a small learned gate predicts which blocks carry attention.
///
/// Queries are pooled over blocks by their mean, keys by maximum, minimum and mean side by side.
/// Both are mapped to `gateDim` features by one matrix per head and rotated by their block's index.
/// The gate is the softmax of scaled products over the blocks up to the own one. By `threshold` a
/// query block keeps the blocks above it, by `ratio` as many as a causal map with a share of
/// `nonzeroRatio` has per row. Weights: `queryGate` `[queryHeads, gateDim, headDim]` and `keyGate`
/// `[keyValueHeads, gateDim, 3 headDim]`.
///
/// - Note: Exact on the selected pairs; a threshold of 0 keeps every block that the gate gives any
///   weight. The paper pools queries and keys before their rotary embedding; here the gate sees the
///   tensors it is given. `ownBlock` is ours: without it a query may attend to nothing.
///
/// Source: Gao et al., *SeerAttention* (2024), arXiv:2410.13276, section 3; selection rules as in
/// the authors' code.
public struct Seer: AttentionMechanism {
  public enum Method: String, ParameterChoice { case threshold, ratio }

  public struct Parameters: MechanismParameters {
    public var blockSize = 64
    public var gateDim = 128
    public var method = Method.threshold
    public var threshold = 4e-3
    public var nonzeroRatio = 0.1
    public var lastRows = 0
    public var ownBlock = true
    public var order = AttendSelected.Order.byQuery

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Queries and keys per block."),
      ParameterField("gateDim", \.gateDim, "Features of the gate; an even number."),
      ParameterField("method", \.method, "How blocks are chosen."),
      ParameterField("threshold", \.threshold, "By threshold: blocks above it are kept."),
      ParameterField(
        "nonzeroRatio", \.nonzeroRatio, "By ratio: share of the causal map that is kept."),
      ParameterField("lastRows", \.lastRows, "Query blocks at the end that keep everything."),
      ParameterField("ownBlock", \.ownBlock, "Whether the own block is always kept."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "seer", title: "SeerAttention gate", family: .blockSelect,
    origin: Citation(
      "SeerAttention: Learning Intrinsic Sparse Attention in Your LLMs", arXiv: "2410.13276",
      year: 2024),
    summary: "A learned gate on pooled queries and keys predicts which blocks to attend to.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic],
    cost: "2 pairs (headDim + valueDim) operations, pairs by the data; 8 blocks headDim gateDim + "
      + "blocks^2 gateDim for the gate")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("blockSize", parameters.blockSize)
    try BlockSelectTexts.share("threshold", parameters.threshold)
    try BlockSelectTexts.share("nonzeroRatio", parameters.nonzeroRatio)
    try LearnedGate.check(gateDim: parameters.gateDim)
    guard parameters.lastRows >= 0 else {
      throw .outOfRange(
        parameter: "lastRows", value: "\(parameters.lastRows)", rule: "it must not be negative")
    }
    self.parameters = parameters
    self.shape = shape
  }

  /// The features follow from given gates.
  public static func overrides(impliedBy weights: [String: [Int]]) -> [String: String] {
    LearnedGate.overrides(impliedBy: weights)
  }

  private var gate: LearnedGate {
    LearnedGate(gateDim: parameters.gateDim, step: parameters.blockSize)
  }

  private var kept: Int {
    let blocks = (shape.keyLength + parameters.blockSize - 1) / parameters.blockSize
    return Swift.max(Int((1 - (1 - parameters.nonzeroRatio).squareRoot()) * Double(blocks)), 1)
  }

  public var plan: Plan {
    let measure: BlockRule.Measure =
      parameters.method == .ratio ? .top(kept) : .above(parameters.threshold)
    let stage = AttendSelected(
      rows: .queries(parameters.blockSize), blocks: .consecutive(parameters.blockSize),
      scoring: .product(gate.product(isSoftmax: true)),
      rule: BlockRule(measure, forcedTakePlaces: false),
      forced: ForcedBlocks(own: parameters.ownBlock, lastRows: parameters.lastRows),
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
    BlockReference(
      shape: shape, queryBlock: parameters.blockSize, keyBlock: parameters.blockSize)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { head, _, queryHead in
      choices(head, queryHead: queryHead, weights: problem.weights)
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { head, _, queryHead in
      choices(head, queryHead: queryHead, weights: problem.weights)
    }
  }

  private func choices(
    _ head: ReferenceHead, queryHead: Int, weights: WeightSet
  ) -> [SelectionReference.Row] {
    let reference = reference
    let queryGate = GateReference.matrix(weights["queryGate"], index: queryHead)
    let queries = reference.rows.map {
      gate.rotated(
        GateReference.product(queryGate, BlockReference.mean(head.query, $0)), at: $0.first ?? 0)
    }
    let keys = gate.keys(
      head.key, blocks: reference.blocks, weights: weights,
      keyValueHead: queryHead / shape.headGroup)
    return queries.enumerated().map { row, query in
      guard row < queries.count - parameters.lastRows else { return .everything(0...row) }
      let products = Dictionary(
        uniqueKeysWithValues: (0...row).map { ($0, BlockReference.dot(query, keys[$0])) })
      // Products carry 1e-5 of the largest into the exponent.
      let largest = products.values.map(abs).max() ?? 0
      return SelectionReference.Row(
        scores: SelectionReference.softmax(products, scale: gate.scale),
        rule: parameters.method == .ratio ? .top(kept) : .above(parameters.threshold),
        forced: parameters.ownBlock ? [row] : [], tolerance: 1e-5 * (1 + gate.scale * largest))
    }
  }
}
