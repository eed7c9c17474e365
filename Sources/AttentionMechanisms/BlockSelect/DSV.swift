// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// DSV's sparse attention: low-rank predictors find the keys that a small cube of queries shares.
///
/// Queries are taken in cubes of `cube` tokens of the grid. A key's score is the product of the
/// projected mean query of the cube with the projected key, both of `rank` features by one matrix
/// per head; the cube keeps the `share` best keys of all and attends to them. Weights: `queryMap`
/// `[queryHeads, rank, headDim]` and `keyMap` `[keyValueHeads, rank, headDim]`.
///
/// - Note: Exact on the selected pairs; `share == 1` is dense attention. The paper learns the maps
///   while it trains the model and profiles `share` per head; here both are given.
///
/// Source: Tan et al., *DSV: Exploiting Dynamic Sparsity to Accelerate Large-Scale Video DiT
/// Training* (2025), arXiv:2502.07590, section 4.
public struct DSV: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var cube = Extents([2, 2, 2])
    public var rank = 16
    public var share = 0.1
    public var order = AttendSelected.Order.byRow

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("cube", \.cube, "Queries that share a choice, per axis of the grid."),
      ParameterField("rank", \.rank, "Features of the predictors."),
      ParameterField("share", \.share, "Share of the keys that a cube keeps."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "dsv", title: "DSV low-rank key prediction", family: .blockSelect,
    origin: Citation(
      "DSV: Exploiting Dynamic Sparsity to Accelerate Large-Scale Video DiT Training",
      arXiv: "2502.07590", year: 2025),
    summary: "Small cubes of queries attend to the keys that low-rank predictors score highest.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic],
    cost: "4 tokens^2 share headDim operations; 2 tokens^2 rank / cube for the scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.tile("cube", parameters.cube, shape: shape)
    try BlockSelectTexts.atLeastOne("rank", parameters.rank)
    try BlockSelectTexts.share("share", parameters.share)
    self.parameters = parameters
    self.shape = shape
  }

  /// The rank follows from given maps.
  public static func overrides(impliedBy weights: [String: [Int]]) -> [String: String] {
    guard let extents = weights["queryMap"], extents.count == 3 else { return [:] }
    return ["rank": String(extents[1])]
  }

  private var kept: Int {
    Swift.max(Int((parameters.share * Double(shape.keyLength)).rounded(.up)), 1)
  }

  public var plan: Plan {
    let map = { (name: String) in
      PooledFeature([.mean], projection: FeatureProjection(weight: name, width: parameters.rank))
    }
    let stage = AttendSelected(
      rows: .block, blocks: .gridTokens(parameters.cube),
      scoring: .product(FeatureProduct(query: map("queryMap"), key: map("keyMap"))),
      rule: BlockRule(.top(kept), forcedTakePlaces: false), order: parameters.order)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  public var weightSpecifications: [WeightSpecification] {
    [
      WeightSpecification(
        name: "queryMap", extents: [shape.queryHeads, parameters.rank, shape.headDim],
        layout: "[queryHeads, rank, headDim]", meaning: "predictor of one head, N(0, 1 / headDim)"),
      WeightSpecification(
        name: "keyMap", extents: [shape.keyValueHeads, parameters.rank, shape.headDim],
        layout: "[keyValueHeads, rank, headDim]",
        meaning: "predictor of one head, N(0, 1 / headDim)"),
    ]
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    BlockSelectWeights.drawNormal(weightSpecifications, seed)
  }

  private var reference: BlockReference {
    let tiles = BlockReference(shape: shape, tile: parameters.cube, rowsAreTiles: true)
    // Keys stand one by one in the order of the cubes.
    return BlockReference(
      shape: shape, rows: tiles.rows, blocks: tiles.blocks.flatMap { $0.map { [$0] } })
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { head, _, queryHead in
      choices(head, queryHead: queryHead, problem.weights)
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { head, _, queryHead in
      choices(head, queryHead: queryHead, problem.weights)
    }
  }

  private func choices(
    _ head: ReferenceHead, queryHead: Int, _ weights: WeightSet
  ) -> [SelectionReference.Row] {
    let reference = reference
    let size = parameters.rank * shape.headDim
    let queryMap = Rows(
      weights["queryMap"].base + queryHead * size, parameters.rank, shape.headDim)
    let keyMap = Rows(
      weights["keyMap"].base + queryHead / shape.headGroup * size, parameters.rank, shape.headDim)
    let project = { (map: Rows, row: [Double]) in
      (0..<map.count).map { BlockReference.dot(Array(map[$0]), row) }
    }
    let keys = reference.blocks.map { project(keyMap, Array(head.key[$0[0]])) }
    return reference.rows.map { queries in
      let query = project(queryMap, BlockReference.mean(head.query, queries))
      let scores = Dictionary(
        uniqueKeysWithValues: keys.enumerated().map { ($0, BlockReference.dot(query, $1)) })
      let largest = scores.values.map(abs).max() ?? 0
      return SelectionReference.Row(
        scores: scores, rule: .top(kept), tolerance: 1e-5 * (1 + largest))
    }
  }
}
