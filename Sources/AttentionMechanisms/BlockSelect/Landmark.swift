// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Landmark attention: the last token of every block says how much the block matters.
///
/// Blocks have `blockSize` tokens, the last of which is the landmark. A query attends to the
/// ordinary tokens of its own block up to itself, beside the landmarks of the `topK` past blocks
/// whose landmark has the largest product with it, in one softmax. The weight of a landmark is then
/// spread over the ordinary tokens of its block by a softmax of their own. Landmarks give no value.
/// Tensors are those of ``Flash``, self-attention only.
///
/// - Note: another formula than dense softmax, whatever `topK`. An unfinished last block has no
///   landmark.
///
/// Source: Mohtashami and Jaggi, *Landmark Attention* (2023), arXiv:2305.16300, section 3.
public struct Landmark: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var blockSize = 50
    public var topK = 4

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Tokens per block, the landmark included."),
      ParameterField("topK", \.topK, "Past blocks that a query retrieves."),
    ]
  }

  public static let card = MechanismCard(
    id: "landmark", title: "Landmark attention", family: .blockSelect,
    origin: Citation(
      "Landmark Attention: Random-Access Infinite Context Length for Transformers",
      arXiv: "2305.16300", year: 2023),
    summary: "Queries retrieve the blocks whose landmark token scores highest; a softmax over "
      + "landmarks and local tokens weighs one softmax per block.",
    patterns: [.causalSelf], exactness: .approximate,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "4 tokens (topK blockSize + blockSize / 2) headDim operations; 2 tokens blocks headDim "
      + "for the scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.blockSize >= 2 else {
      throw .outOfRange(
        parameter: "blockSize", value: "\(parameters.blockSize)",
        rule: "it must be at least 2: a landmark and one token that it stands for")
    }
    try BlockSelectTexts.atLeastOne("topK", parameters.topK)
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let blocks = (shape.keyLength + parameters.blockSize - 1) / parameters.blockSize
    let stage = AttendSelected(
      rows: .queries(1), blocks: .consecutive(parameters.blockSize),
      scoring: .product(FeatureProduct(key: PooledFeature([.last]))),
      rule: BlockRule(.top(Swift.min(parameters.topK + 1, blocks))),
      forced: ForcedBlocks(own: true), order: .byBlock, merging: .lastKeys)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  public var verificationLength: Int { (parameters.topK + 3) * parameters.blockSize + 29 }

  private var reference: BlockReference {
    BlockReference(shape: shape, queryBlock: 1, keyBlock: parameters.blockSize)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let choices = problem.selection == nil ? self.choices(head) : []
      var output = Rows(count: shape.queryLength, width: shape.valueDim)
      for query in 0..<shape.queryLength {
        let chosen =
          problem.selection.map { Set($0.blocks(head: index, row: query)) }
          ?? SelectionReference.choose(choices[query])
        let row = grouped(
          head, query: query, past: chosen.subtracting([query / parameters.blockSize]))
        output[query] = row[...]
      }
      return output
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { head, _, _ in choices(head) }
  }

  private func landmark(_ block: Int) -> Int { (block + 1) * parameters.blockSize - 1 }

  private func choices(_ head: ReferenceHead) -> [SelectionReference.Row] {
    (0..<shape.queryLength).map { query in
      let own = query / parameters.blockSize
      let scores = Dictionary(
        uniqueKeysWithValues: (0..<own).map { ($0, head.query.dot(query, head.key, landmark($0))) })
      let largest = scores.values.map(abs).max() ?? 0
      return SelectionReference.Row(
        scores: scores, rule: .top(parameters.topK), forced: [own],
        tolerance: 1e-5 * (1 + largest))
    }
  }

  /// The grouped softmax of one query, straight from its definition.
  private func grouped(_ head: ReferenceHead, query: Int, past: Set<Int>) -> [Double] {
    let size = parameters.blockSize
    let score = { (key: Int) in shape.softmaxScale * head.query.dot(query, head.key, key) }
    let local = (query / size * size...query).filter { $0 % size != size - 1 }
    let blocks = past.sorted()
    let scores = local.map(score) + blocks.map { score(landmark($0)) }
    let weights = softmax(scores)
    var output = [Double](repeating: 0, count: shape.valueDim)
    let add = { (weight: Double, key: Int) in
      for (channel, value) in head.value[key].enumerated() { output[channel] += weight * value }
    }
    for (key, weight) in zip(local, weights) { add(weight, key) }
    for (block, weight) in zip(blocks, weights.dropFirst(local.count)) {
      let keys = Array(block * size..<landmark(block))
      for (key, share) in zip(keys, softmax(keys.map(score))) { add(weight * share, key) }
    }
    return output
  }

  private func softmax(_ scores: [Double]) -> [Double] {
    let top = scores.max() ?? 0
    let weights = scores.map { Double.exp($0 - top) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }
}
