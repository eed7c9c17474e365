// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Bi-level routing attention: every region of the grid attends to the regions that match it best.
///
/// The token grid is cut into `regions` parts per axis. The score of two regions is the product of
/// their mean query and mean key over all channels of all heads; every region keeps the `topK` best
/// and all heads share the choice. Attention is per head, dense inside the chosen regions.
///
/// - Note: Exact on the selected pairs; `topK >= regions^axes` is dense attention. The depthwise
///   convolution of the values that the paper adds afterwards (LePE) is a stage of its own and is
///   not part of this operator. Grids that do not divide get smaller regions at the far borders.
///
/// Source: Zhu et al., *BiFormer: Vision Transformer with Bi-Level Routing Attention* (2023),
/// arXiv:2303.08810, section 3.2.
public struct BiFormer: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var regions = 7
    public var topK = 4
    public var order = AttendSelected.Order.byQuery

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("regions", \.regions, "Parts of every axis of the grid."),
      ParameterField("topK", \.topK, "Regions that a region attends to."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "biformer", title: "Bi-level routing attention", family: .blockSelect,
    origin: Citation(
      "BiFormer: Vision Transformer with Bi-Level Routing Attention", arXiv: "2303.08810",
      year: 2023),
    summary: "Regions of a token grid attend to the regions that match them best over all heads.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "4 tokens topK tokens / regions^axes headDim operations; 2 regions^(2 axes) headDim for "
      + "the scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("regions", parameters.regions)
    try BlockSelectTexts.atLeastOne("topK", parameters.topK)
    self.parameters = parameters
    self.shape = shape
  }

  private var tile: Extents {
    Extents(
      (shape.grid ?? [shape.queryLength]).values.map {
        ($0 + parameters.regions - 1) / parameters.regions
      })
  }

  public var plan: Plan {
    let stage = AttendSelected(
      rows: .block, blocks: .gridTiles(tile), sharing: .allHeads,
      rule: BlockRule(.top(parameters.topK), forcedTakePlaces: false), order: parameters.order)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  private var reference: BlockReference {
    BlockReference(shape: shape, tile: tile, rowsAreTiles: true)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { _, batch, _ in choices(problem, batch: batch) }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { _, batch, _ in choices(problem, batch: batch) }
  }

  private func choices(_ problem: ReferenceProblem, batch: Int) -> [SelectionReference.Row] {
    let reference = reference
    // Means over all channels of all heads, head after head.
    var queries = [[Double]](repeating: [], count: reference.rows.count)
    var keys = queries
    for queryHead in 0..<shape.queryHeads {
      let head = problem.head(batch: batch, queryHead: queryHead)
      for (region, tokens) in reference.blocks.enumerated() {
        queries[region] += BlockReference.mean(head.query, tokens)
        keys[region] += BlockReference.mean(head.key, tokens)
      }
    }
    return queries.map { query in
      let scores = Dictionary(
        uniqueKeysWithValues: keys.enumerated().map { ($0, BlockReference.dot(query, $1)) })
      // Float32 means and products: their rounding grows with the largest product.
      let largest = scores.values.map(abs).max() ?? 0
      return SelectionReference.Row(
        scores: scores, rule: .top(parameters.topK), tolerance: 1e-5 * (1 + largest))
    }
  }
}
