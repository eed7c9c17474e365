// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Mixture of block attention: each query attends to its own block and the best-scoring past ones.
///
/// The sequence is cut into blocks of `blockSize` keys. The score of a past block is the dot
/// product of the query with the block's mean key, unscaled. A query attends causally inside its
/// own block and fully to the `topK - 1` past blocks that score highest (all of them where fewer
/// exist); ties go to the lower block. Tensors are those of ``Flash``, self-attention only.
///
/// One head attends to `sum_i (i mod blockSize + 1 + min(topK - 1, i div blockSize) blockSize)`
/// pairs, whatever the data.
///
/// - Note: Exact on the selected pairs. `topK >= blocks` is causal dense attention, `topK == 1`
///   block-diagonal causal attention.
///
/// Source: Lu et al., *MoBA: Mixture of Block Attention for Long-Context LLMs* (2025),
/// arXiv:2502.13189, section 2.2.
public struct MoBA: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var blockSize = 512
    public var topK = 3
    public var order = AttendSelected.Order.byBlock

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Keys per block."),
      ParameterField("topK", \.topK, "Blocks each query attends to, its own included."),
      ParameterField(
        "order", \.order,
        "Execution: queries gathered per block (byBlock) or unions per strip (byQuery).",
        changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "moba", title: "Mixture of block attention", family: .blockSelect,
    origin: Citation(
      "MoBA: Mixture of Block Attention for Long-Context LLMs", arXiv: "2502.13189", year: 2025),
    summary: "Causal attention to the own block and the past blocks whose mean key scores highest.",
    patterns: [.causalSelf], exactness: .maskedExact,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "2 pairs (headDim + valueDim) operations with pairs ~ tokens (topK - 1/2) blockSize; "
      + "2 scored blocks headDim for the scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.blockSize >= 1 else {
      throw .outOfRange(
        parameter: "blockSize", value: "\(parameters.blockSize)", rule: "it must be at least 1")
    }
    guard parameters.topK >= 1 else {
      throw .outOfRange(
        parameter: "topK", value: "\(parameters.topK)",
        rule: "it must be at least 1: the own block counts")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    // More than all blocks is all blocks: memory need not grow with the wish.
    let blocks = (shape.keyLength + parameters.blockSize - 1) / parameters.blockSize
    let stage = AttendSelected(
      blockSize: parameters.blockSize, topK: Swift.min(parameters.topK, blocks),
      order: parameters.order)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  /// Enough blocks that most queries leave some out, and a last block that is not whole.
  public var verificationLength: Int { (parameters.topK + 1) * parameters.blockSize + 29 }

  private var reference: BlockReference {
    BlockReference(shape: shape, queryBlock: 1, keyBlock: parameters.blockSize)
  }

  /// Attention to the selection at hand, or to the best blocks by scores in Double.
  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { head, _, _ in choices(head) }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { head, _, _ in choices(head) }
  }

  /// The own block, and the best of all whole blocks before it.
  private func choices(_ head: ReferenceHead) -> [SelectionReference.Row] {
    let size = parameters.blockSize
    return (0..<shape.queryLength).map { query in
      let own = query / size
      let scores = Dictionary(
        uniqueKeysWithValues: (0..<own).map { block in
          let keys = block * size..<(block + 1) * size
          return (block, keys.reduce(0) { $0 + head.query.dot(query, head.key, $1) } / Double(size))
        })
      // Float32 sums of headDim products: their rounding grows with the largest product.
      let largest = scores.values.map(abs).max() ?? 0
      return SelectionReference.Row(
        scores: scores, rule: .top(parameters.topK - 1), forced: [own],
        tolerance: 1e-5 * (1 + largest))
    }
  }
}
