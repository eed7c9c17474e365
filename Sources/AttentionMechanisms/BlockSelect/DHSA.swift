// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Dynamic hierarchical sparse attention: chunks that follow the text are chosen by mean features.
///
/// The sequence is cut where keys change: at multiples of `leastChunk` the cosine between the mean
/// of the `window` keys before and that of the `window` keys from there on is a local minimum, or a
/// chunk reaches `mostChunk`. A chunk's features are its mean query and its mean key times the root
/// of its length, a pair of chunks scores their product, and a pair of tokens what its chunks do. A
/// query attends to the tokens of its own chunk up to itself, and to the best earlier chunks until
/// `budget` tokens are reached, its own chunk counted whole; the last chunk is cut to its most
/// recent tokens. Tensors are those of ``Flash``, self-attention.
///
/// - Note: Exact on the selected pairs; a budget of all keys is causal dense attention. The paper
///   finds borders by a small trained network; `cosine` and `fixed` stand in for it. That a query's
///   own chunk is always kept, and that chunks and cuts are multiples of `leastChunk`, is ours.
///
/// Source: Xiong et al., *Long-Context Modeling with Dynamic Hierarchical Sparse Attention for
/// On-Device LLMs* (2025), arXiv:2510.24606, section 3.
public struct DHSA: AttentionMechanism {
  public enum Borders: String, Hashable, Sendable, Codable, ParameterChoice {
    case cosine, fixed
  }

  public struct Parameters: MechanismParameters {
    public var borders = Borders.cosine
    public var leastChunk = 16
    public var mostChunk = 128
    public var window = 8
    public var budget = 1024
    public var order = AttendSelected.Order.byQuery

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField(
        "borders", \.borders, "Chunks end where keys change (cosine) or at mostChunk (fixed)."),
      ParameterField("leastChunk", \.leastChunk, "Tokens of which chunks are multiples."),
      ParameterField("mostChunk", \.mostChunk, "Tokens of the longest chunk."),
      ParameterField("window", \.window, "Keys to either side that tell a change."),
      ParameterField("budget", \.budget, "Tokens that a query keeps."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "dhsa", title: "Dynamic hierarchical sparse attention", family: .blockSelect,
    origin: Citation(
      "Long-Context Modeling with Dynamic Hierarchical Sparse Attention for On-Device LLMs",
      arXiv: "2510.24606", year: 2025),
    summary: "Chunks of varying length, cut where keys change, are chosen by mean features.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "4 tokens budget headDim operations; 2 chunks^2 headDim for the scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("leastChunk", parameters.leastChunk)
    try BlockSelectTexts.atLeastOne("window", parameters.window)
    for (name, value, least) in [
      ("mostChunk", parameters.mostChunk, parameters.leastChunk),
      ("budget", parameters.budget, parameters.mostChunk),
    ] where value < least || !value.isMultiple(of: parameters.leastChunk) {
      throw .outOfRange(
        parameter: name, value: "\(value)",
        rule: "it must be a multiple of leastChunk = \(parameters.leastChunk), at least \(least)")
    }
    self.parameters = parameters
    self.shape = shape
  }

  private var budgetBlocks: Int { parameters.budget / parameters.leastChunk }

  public var plan: Plan {
    let search = ChunkSearch(
      window: parameters.window, mostBlocks: parameters.mostChunk / parameters.leastChunk,
      isFixed: parameters.borders == .fixed, budget: budgetBlocks)
    let stage = AttendSelected(
      rows: .queries(parameters.leastChunk), blocks: .consecutive(parameters.leastChunk),
      scoring: .chunks(search), rule: BlockRule(.top(budgetBlocks)),
      forced: ForcedBlocks(own: true), order: parameters.order)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  public var verificationLength: Int { Swift.min(parameters.budget + 300, 1300) }

  private var reference: BlockReference {
    BlockReference(
      shape: shape, queryBlock: parameters.leastChunk, keyBlock: parameters.leastChunk)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { head, _, _ in choices(head, chunks(head.key).chunks) }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { head, _, _ in
      let found = chunks(head.key)
      // Cosines that are equal to rounding may cut on either side.
      return found.leastGap > 1e-5 ? choices(head, found.chunks) : []
    }
  }

  /// Blocks of every chunk, and how close the cosines were that decided.
  private func chunks(_ keys: Rows) -> (chunks: [Range<Int>], leastGap: Double) {
    let blocks = reference.blocks
    let cosines = blocks.indices.map { $0 == 0 ? 1 : cosine(keys, at: blocks[$0][0]) }
    var gap = Double.infinity
    let isBorder = { (block: Int) -> Bool in
      guard parameters.borders == .cosine else { return false }
      let (own, before) = (cosines[block], block == 1 ? .infinity : cosines[block - 1])
      let after = block + 1 == blocks.count ? .infinity : cosines[block + 1]
      gap = Swift.min(gap, (own - before).magnitude, (own - after).magnitude)
      return own < before && own <= after
    }
    var chunks: [Range<Int>] = []
    var start = 0
    for block in 1...blocks.count {
      let isLong = (block - start) * parameters.leastChunk == parameters.mostChunk
      guard block == blocks.count || isBorder(block) || isLong else { continue }
      chunks.append(start..<block)
      start = block
    }
    return (chunks, gap)
  }

  private func cosine(_ keys: Rows, at place: Int) -> Double {
    let left = BlockReference.mean(
      keys, Array(Swift.max(place - parameters.window, 0)..<place))
    let right = BlockReference.mean(
      keys, Array(place..<Swift.min(place + parameters.window, shape.keyLength)))
    let norm =
      BlockReference.dot(left, left).squareRoot() * BlockReference.dot(right, right).squareRoot()
    return norm > 0 ? BlockReference.dot(left, right) / norm : 0
  }

  private func choices(
    _ head: ReferenceHead, _ chunks: [Range<Int>]
  ) -> [SelectionReference.Row] {
    let blocks = reference.blocks
    let feature = { (rows: Rows, chunk: Range<Int>) -> [Double] in
      let tokens = chunk.flatMap { blocks[$0] }
      return BlockReference.mean(rows, tokens).map { $0 * Double(tokens.count).squareRoot() }
    }
    let keys = chunks.map { feature(head.key, $0) }
    return chunks.enumerated().flatMap { index, chunk -> [SelectionReference.Row] in
      let query = feature(head.query, chunk)
      var scores: [Int: Double] = [:]
      for (past, key) in zip(chunks, keys).prefix(index) {
        let score = BlockReference.dot(query, key)
        // Of equal scores the later tokens count: less than the tolerance, more than rounding.
        for block in past { scores[block] = score - 1e-9 * Double(past.upperBound - block) }
      }
      let largest = scores.values.map(abs).max() ?? 0
      return chunk.map { row in
        SelectionReference.Row(
          scores: scores, rule: .top(budgetBlocks - chunk.count),
          forced: Set(chunk.lowerBound...row), tolerance: 1e-5 * (1 + largest))
      }
    }
  }
}
