// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// HiP attention: a search by halving finds the blocks of keys that a query block looks at.
///
/// Outside a sliding window of `window` keys before the query block, the past is cut into
/// `maskKeys / keyBlock` nodes of blocks of `keyBlock` keys. Round by round every node is halved,
/// a half is scored by the largest product of every second query of the block with the keys of its
/// first block, and as many halves as there were nodes are kept, until nodes are single blocks.
/// The query block attends causally to those, to its window and to the first `sink` keys.
/// Tensors are those of ``Flash``, self-attention only.
///
/// - Note: Exact on the selected pairs, without a promise that they are the best.
///   `maskKeys >= queryLength` is causal dense attention.
///
/// Source: Lee et al., *HiP Attention* (2024), arXiv:2406.09827, algorithm 1; sampling of queries
/// and sizes as in the authors' code.
public struct HiP: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var maskKeys = 512
    public var queryBlock = 32
    public var keyBlock = 2
    public var window = 128
    public var sink = 0
    public var order = AttendSelected.Order.byRow

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("maskKeys", \.maskKeys, "Keys that the search finds for a query block."),
      ParameterField("queryBlock", \.queryBlock, "Queries per block."),
      ParameterField("keyBlock", \.keyBlock, "Keys per block."),
      ParameterField("window", \.window, "Keys before the query block that it always sees."),
      ParameterField("sink", \.sink, "Keys at the start that everyone sees."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "hip", title: "Hierarchically pruned attention", family: .blockSelect,
    origin: Citation(
      "HiP Attention: Sparse Sub-Quadratic Attention with Hierarchical Attention Pruning",
      arXiv: "2406.09827", year: 2024),
    summary: "A tree search with a fixed width finds key blocks for every query block.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "4 tokens (maskKeys + window + queryBlock) headDim operations; log2(tokens / maskKeys) "
      + "rounds of tokens maskKeys headDim for the search")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("queryBlock", parameters.queryBlock)
    try BlockSelectTexts.atLeastOne("keyBlock", parameters.keyBlock)
    guard parameters.maskKeys >= parameters.keyBlock else {
      throw .outOfRange(
        parameter: "maskKeys", value: "\(parameters.maskKeys)",
        rule: "it must be at least keyBlock = \(parameters.keyBlock)")
    }
    for (name, value) in [("window", parameters.window), ("sink", parameters.sink)]
    where value < 0 {
      throw .outOfRange(parameter: name, value: "\(value)", rule: "it must not be negative")
    }
    self.parameters = parameters
    self.shape = shape
  }

  private var nodes: Int { parameters.maskKeys / parameters.keyBlock }

  public var plan: Plan {
    let blocks = (shape.keyLength + parameters.keyBlock - 1) / parameters.keyBlock
    // More nodes than blocks is all blocks: memory need not grow with the wish.
    let kept = Swift.min(nodes, blocks)
    let stage = AttendSelected(
      rows: .queries(parameters.queryBlock), blocks: .consecutive(parameters.keyBlock),
      scoring: .tree(TreeSearch(kept: kept, samplesQueries: true)),
      rule: BlockRule(.top(kept), forcedTakePlaces: false),
      forced: ForcedBlocks(
        own: true, first: (parameters.sink + parameters.keyBlock - 1) / parameters.keyBlock,
        previous: (parameters.window + parameters.keyBlock - 1) / parameters.keyBlock),
      order: parameters.order)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  public var verificationLength: Int {
    Swift.min(2 * parameters.maskKeys + parameters.window, 900) + 29
  }

  private var reference: BlockReference {
    BlockReference(
      shape: shape, queryBlock: parameters.queryBlock, keyBlock: parameters.keyBlock)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { head, _, _ in
      reference.rows.map { .everything(search(head, queries: $0).blocks) }
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    guard let selection = problem.selection else { return ["no selection was made"] }
    var defects: [String] = []
    _ = problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      for (row, queries) in reference.rows.enumerated() {
        let found = search(head, queries: queries)
        let chosen = Set(selection.blocks(head: index, row: row))
        // A choice between halves that score alike to rounding leads elsewhere from there on.
        if chosen != found.blocks, found.leastGap > 1e-4 {
          defects.append(
            "head \(index), query block \(row): found \(chosen.subtracting(found.blocks).sorted()) "
              + "in place of \(found.blocks.subtracting(chosen).sorted())")
        }
      }
      return Rows(count: 0, width: 0)
    }
    return defects
  }

  /// The blocks of one query block, and how close the closest decision was.
  private func search(_ head: ReferenceHead, queries: [Int]) -> (blocks: Set<Int>, leastGap: Double)
  {
    let size = parameters.keyBlock
    let visible = ((queries.last ?? 0) / size) + 1
    let windowStart = Swift.max(
      (queries.first ?? 0) / size - (parameters.window + size - 1) / size, 0)
    let sinks = Swift.min((parameters.sink + size - 1) / size, visible)
    let near = Swift.max(windowStart, sinks)
    let always = Set(0..<sinks).union(near..<Swift.max(visible, near))
    let free = near - sinks
    guard free > nodes else { return (always.union(sinks..<near), .infinity) }
    var gap = Double.infinity
    let asked =
      queries.count > 1
      ? queries.enumerated().filter { $0.offset % 2 == 1 }.map(\.element) : queries
    var ranges = (0..<nodes).map { sinks + free * $0 / nodes..<sinks + free * ($0 + 1) / nodes }
    while ranges.contains(where: { $0.count > 1 }) {
      var halves: [(range: Range<Int>, score: Double)] = []
      for range in ranges {
        let middle = range.lowerBound + range.count / 2
        for half in [range.lowerBound..<middle, middle..<range.upperBound] where !half.isEmpty {
          halves.append((half, score(head, asked, block: half.lowerBound)))
        }
      }
      let ranked = halves.sorted {
        ($1.score, $0.range.lowerBound) < ($0.score, $1.range.lowerBound)
      }
      if ranked.count > nodes {
        gap = Swift.min(gap, ranked[nodes - 1].score - ranked[nodes].score)
      }
      ranges = ranked.prefix(nodes).map(\.range).sorted { $0.lowerBound < $1.lowerBound }
    }
    return (always.union(ranges.map(\.lowerBound)), gap)
  }

  private func score(_ head: ReferenceHead, _ queries: [Int], block: Int) -> Double {
    let keys = block * parameters.keyBlock..<(block + 1) * parameters.keyBlock
    return queries.reduce(-.infinity) { best, query in
      keys.reduce(best) { Swift.max($0, head.query.dot(query, head.key, $1)) }
    }
  }
}
