// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Permuted block-sparse attention: keys are sorted inside segments so that blocks become sparser.
///
/// The keys of every whole segment of `segment` tokens are sorted by the mean weight that the last
/// `blockSize` queries give them, and cut into blocks of `blockSize` in that order. A query block
/// scores the blocks of all segments before its own by the softmax of scaled products of the mean
/// query and the mean sorted key, and keeps the shortest descending prefix that holds `mass` of it.
/// It attends to those, to the block that holds the first token, and causally to its own segment
/// and what follows. Tensors are those of ``Flash``, self-attention only.
///
/// - Note: Exact on the selected pairs; `mass == 1` is causal dense attention. The order looks at
///   the last queries, so the choice is not causal; values are.
///
/// Source: Wang et al., *Sparser Block-Sparse Attention via Token Permutation* (2025),
/// arXiv:2510.21270, section 3; sizes as in the authors' code.
public struct PBS: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var blockSize = 128
    public var segment = 256
    public var mass = 0.9

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Queries and keys per block."),
      ParameterField("segment", \.segment, "Keys that are sorted together."),
      ParameterField("mass", \.mass, "Share of the block softmax that a query block keeps."),
    ]
  }

  public static let card = MechanismCard(
    id: "pbs", title: "Permuted block-sparse attention", family: .blockSelect,
    origin: Citation(
      "Sparser Block-Sparse Attention via Token Permutation", arXiv: "2510.21270", year: 2025),
    summary: "Keys are sorted by importance inside segments; query blocks keep the sorted blocks "
      + "that hold most of the softmax of means.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "2 pairs (headDim + valueDim) operations, pairs by the data; 2 blockSize tokens headDim "
      + "and 2 blocks^2 headDim for order and scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("blockSize", parameters.blockSize)
    try BlockSelectTexts.share("mass", parameters.mass)
    guard parameters.segment >= parameters.blockSize,
      parameters.segment.isMultiple(of: parameters.blockSize)
    else {
      throw .outOfRange(
        parameter: "segment", value: "\(parameters.segment)",
        rule: "it must be a multiple of blockSize = \(parameters.blockSize)")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let pattern = SortedSegments(
      blockSize: parameters.blockSize, segment: parameters.segment, mass: parameters.mass)
    let stage = AttendSelected(
      rows: .queries(parameters.blockSize), blocks: .consecutive(1),
      scoring: .sortedSegments(pattern), rule: BlockRule(.above(0)), order: .byRow)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  public var verificationLength: Int { Swift.min(3 * parameters.segment, 900) + 29 }

  private var reference: BlockReference {
    BlockReference(shape: shape, queryBlock: parameters.blockSize, keyBlock: 1)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { head, _, _ in
      let sorted = sortedBlocks(head).blocks
      return reference.rows.map { .everything(keys(head, queries: $0, sorted).kept) }
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    guard let selection = problem.selection else { return ["no selection was made"] }
    var defects: [String] = []
    _ = problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let sorted = sortedBlocks(head)
      // Keys that are alike to rounding may stand on either side of a block's border.
      guard sorted.leastGap > 1e-5 else { return Rows(count: 0, width: 0) }
      for (row, queries) in reference.rows.enumerated() {
        let expected = keys(head, queries: queries, sorted.blocks)
        let chosen = Set(selection.blocks(head: index, row: row))
        if chosen != expected.kept, expected.leastGap > 1e-4 {
          defects.append(
            "head \(index), query block \(row): differs in keys "
              + "\(chosen.symmetricDifference(expected.kept).sorted().prefix(5))")
        }
      }
      return Rows(count: 0, width: 0)
    }
    return defects
  }

  /// Tokens of every sorted block, and how close, relatively, tokens at borders of blocks are.
  private func sortedBlocks(_ head: ReferenceHead) -> (blocks: [[Int]], leastGap: Double) {
    let whole = shape.keyLength / parameters.segment * parameters.segment
    var importance = [Double](repeating: 0, count: whole)
    guard whole > 0 else { return ([], .infinity) }
    for query in Swift.max(shape.queryLength - parameters.blockSize, 0)..<shape.queryLength {
      let scores = Dictionary(
        uniqueKeysWithValues: (0..<whole).map { ($0, head.query.dot(query, head.key, $0)) })
      for (key, weight) in SelectionReference.softmax(scores, scale: shape.softmaxScale) {
        importance[key] += weight
      }
    }
    var blocks: [[Int]] = []
    var gap = Double.infinity
    for first in stride(from: 0, to: whole, by: parameters.segment) {
      let ranked = (first..<first + parameters.segment).sorted {
        (importance[$1], $0) < (importance[$0], $1)
      }
      for start in stride(from: 0, to: ranked.count, by: parameters.blockSize) {
        blocks.append(Array(ranked[start..<start + parameters.blockSize]))
        guard start > 0 else { continue }
        let (above, below) = (importance[ranked[start - 1]], importance[ranked[start]])
        gap = Swift.min(gap, (above - below) / above)
      }
    }
    return (blocks, gap)
  }

  /// What a query block attends to, and how close the sums at the cut are.
  private func keys(
    _ head: ReferenceHead, queries: [Int], _ blocks: [[Int]]
  ) -> (kept: Set<Int>, leastGap: Double) {
    let (first, last) = (queries[0], queries[queries.count - 1])
    let whole = shape.keyLength / parameters.segment * parameters.segment
    let own = Swift.min(first / parameters.segment * parameters.segment, whole)
    let past = blocks.prefix(own / parameters.blockSize)
    var kept = Set(own...Swift.max(last, own)).filter { $0 <= last }
    guard !past.isEmpty else { return (kept, .infinity) }
    let query = BlockReference.mean(head.query, queries)
    let products = Dictionary(
      uniqueKeysWithValues: past.enumerated().map {
        ($0, BlockReference.dot(query, BlockReference.mean(head.key, $1)))
      })
    let scores = SelectionReference.softmax(products, scale: shape.softmaxScale)
    let needed = parameters.mass >= 1 ? .infinity : parameters.mass
    let choice = SelectionReference.choose(
      SelectionReference.Row(scores: scores, rule: .reaching(needed), tolerance: 0))
    let sum = choice.reduce(0) { $0 + (scores[$1] ?? 0) }
    let least = choice.compactMap { scores[$0] }.min() ?? 0
    let next = scores.filter { !choice.contains($0.key) }.values.max() ?? -.infinity
    for (block, tokens) in past.enumerated() where choice.contains(block) || tokens.contains(0) {
      kept.formUnion(tokens)
    }
    return (kept, Swift.min(sum - needed, needed - (sum - least), least - next).magnitude)
  }
}
