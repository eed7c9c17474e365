// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// The block-sparse heads of MInference: query blocks keep the key blocks of the best mean products.
///
/// Queries and keys are averaged over blocks of `blockSize`; a query block scores every block that
/// it may see by the product of the two means, unscaled, keeps the `topK` best and attends to them
/// causally. Tensors are those of ``Flash``, self-attention only.
///
/// - Note: the own block competes like all others. The last block's mean is over the tokens that
///   exist, where the authors' code averages padding zeros in.
///
/// Source: Jiang et al., *MInference 1.0* (2024), arXiv:2407.02490, section 3; block size and
/// `topK` as in the authors' code.
public struct MInferenceBlock: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var blockSize = 64
    public var topK = 100
    public var order = AttendSelected.Order.byQuery

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Queries and keys per block."),
      ParameterField("topK", \.topK, "Blocks that a query block attends to."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "minference-block", title: "MInference block-sparse heads", family: .blockSelect,
    origin: Citation(
      "MInference 1.0: Accelerating Pre-filling for Long-Context LLMs via Dynamic Sparse Attention",
      arXiv: "2407.02490", year: 2024),
    summary: "Query blocks attend to the visible key blocks whose means have the largest product.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "2 pairs (headDim + valueDim) operations with pairs <= tokens topK blockSize; "
      + "2 blocks^2 headDim for the scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("blockSize", parameters.blockSize)
    try BlockSelectTexts.atLeastOne("topK", parameters.topK)
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let stage = AttendSelected(
      rows: .queries(parameters.blockSize), blocks: .consecutive(parameters.blockSize),
      rule: BlockRule(.top(parameters.topK), forcedTakePlaces: false), order: parameters.order)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  /// Enough blocks that some are left out, and a last block that is not whole.
  public var verificationLength: Int {
    Swift.min((parameters.topK + 2) * parameters.blockSize, 900) + 29
  }

  private var reference: BlockReference {
    BlockReference(
      shape: shape, queryBlock: parameters.blockSize, keyBlock: parameters.blockSize)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { head, _, _ in choices(head) }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { head, _, _ in choices(head) }
  }

  private func choices(_ head: ReferenceHead) -> [SelectionReference.Row] {
    let reference = reference
    let keys = reference.blocks.map { BlockReference.mean(head.key, $0) }
    return reference.rows.enumerated().map { row, queries in
      let query = BlockReference.mean(head.query, queries)
      let scores = Dictionary(
        uniqueKeysWithValues: (0...row).map { ($0, BlockReference.dot(query, keys[$0])) })
      let largest = scores.values.map(abs).max() ?? 0
      // Float32 means and products: their rounding grows with the largest product.
      return SelectionReference.Row(
        scores: scores, rule: .top(parameters.topK), tolerance: 1e-5 * (1 + largest))
    }
  }
}
