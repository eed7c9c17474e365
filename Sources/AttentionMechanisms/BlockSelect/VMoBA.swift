// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Mixture of block attention for video: chunks of the token grid, chosen by a share of all scores.
///
/// The grid is cut into tiles of `chunk` tokens (the paper changes their shape from layer to layer:
/// stretches of frames, spatial columns, cubes). The score of a query and a chunk is the product of
/// the query with the chunk's mean key. A query always attends to its own chunk, without causality.
/// Scores of other chunks compete within `scope`: by `threshold`, scores are mapped to 0...1 and the
/// shortest descending prefix is kept that together with the own chunks reaches this share of their
/// sum, one score at least; by `top`, `topK` chunks per query on average, the own one included.
///
/// - Note: Exact on the selected pairs. `threshold == 1` or enough chunks is dense attention.
///
/// Source: Wu et al., *VMoBA: Mixture-of-Block Attention for Video Diffusion Models* (2025),
/// arXiv:2506.23858, section 3; mapping and threshold as in the authors' code.
public struct VMoBA: AttentionMechanism {
  public enum Mode: String, ParameterChoice { case threshold, top }

  public struct Parameters: MechanismParameters {
    public var chunk = Extents([4, 8, 8])
    public var mode = Mode.threshold
    public var scope = BlockRule.Scope.head
    public var threshold = 0.25
    public var topK = 3
    public var order = AttendSelected.Order.byBlock

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("chunk", \.chunk, "Tokens of a chunk per axis of the grid."),
      ParameterField("mode", \.mode, "How chunks are chosen."),
      ParameterField("scope", \.scope, "Which scores compete with each other."),
      ParameterField("threshold", \.threshold, "Share of the scores to keep, by threshold."),
      ParameterField("topK", \.topK, "Chunks per query, its own included, by top."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "vmoba", title: "Video mixture of block attention", family: .blockSelect,
    origin: Citation(
      "VMoBA: Mixture-of-Block Attention for Video Diffusion Models", arXiv: "2506.23858",
      year: 2025),
    summary: "Queries attend to their own chunk of the token grid and to chunks whose mean key "
      + "scores highest among all queries of a head.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic],
    cost: "2 pairs (headDim + valueDim) operations, pairs by the data; 2 tokens chunks headDim for "
      + "the scores and a cut through tokens chunks of them")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.tile("chunk", parameters.chunk, shape: shape)
    try BlockSelectTexts.share("threshold", parameters.threshold)
    try BlockSelectTexts.atLeastOne("topK", parameters.topK)
    guard parameters.mode == .threshold || parameters.scope != .block else {
      throw .outOfRange(
        parameter: "scope", value: "block", rule: "by top, scores compete by row, head or overall")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let measure: BlockRule.Measure =
      parameters.mode == .top ? .top(parameters.topK) : .mass(parameters.threshold)
    let stage = AttendSelected(
      rows: .queries(1), blocks: .gridTiles(parameters.chunk),
      scoring: .product(FeatureProduct(form: parameters.mode == .top ? .raw : .minMax)),
      rule: BlockRule(measure, scope: parameters.scope), forced: ForcedBlocks(own: true),
      order: parameters.order)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  private var reference: BlockReference {
    BlockReference(shape: shape, tile: parameters.chunk, rowsAreTiles: false)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = reference
    // Scores compete across queries and heads, so that a batch entry is chosen for as a whole.
    let chosen = problem.selection == nil ? choices(problem, reference) : [:]
    return reference.attend(problem) { _, batch, queryHead in
      let head = batch * shape.queryHeads + queryHead
      return reference.rows.indices.map { row in
        .everything(
          problem.selection?.blocks(head: head, row: row) ?? chosen[[head, row]] ?? [])
      }
    }
  }

  /// Blocks by head over the whole batch and row unit.
  private func choices(_ problem: ReferenceProblem, _ reference: BlockReference) -> [[Int]: [Int]] {
    var chosen: [[Int]: [Int]] = [:]
    for batch in 0..<shape.batch {
      let entries = (0..<shape.queryHeads).flatMap {
        self.entries(problem, reference, nil, batch: batch, queryHead: $0)
      }
      for members in scopes(entries).values {
        let kept = SelectionReference.choose(row(members))
        for (index, entry) in members.enumerated() where entry.isOwn || kept.contains(index) {
          chosen[[batch * shape.queryHeads + entry.head, entry.row], default: []]
            .append(entry.block)
        }
      }
    }
    return chosen
  }

  /// The entries that compete with each other.
  private func scopes(_ entries: [Entry]) -> [[Int]: [Entry]] {
    Dictionary(grouping: entries) { entry -> [Int] in
      switch parameters.scope {
      case .row: [entry.head, entry.row]
      case .block: [entry.block]
      case .head: [entry.head]
      case .overall: []
      }
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    guard let selection = problem.selection else { return ["no selection was made"] }
    let reference = reference
    var defects: [String] = []
    for batch in 0..<shape.batch {
      var entries: [Entry] = []
      for queryHead in 0..<shape.queryHeads {
        entries += self.entries(problem, reference, selection, batch: batch, queryHead: queryHead)
      }
      let scopes = scopes(entries).sorted { $0.key.lexicographicallyPrecedes($1.key) }
      for (scope, members) in scopes {
        if let defect = defect(members) {
          defects.append("batch \(batch), scope \(scope): \(defect)")
        }
      }
    }
    return defects
  }

  /// One score of a query and a chunk.
  private struct Entry {
    let head, row, block: Int
    let score: Double
    let isOwn, isKept: Bool
  }

  private func entries(
    _ problem: ReferenceProblem, _ reference: BlockReference, _ selection: Selection?, batch: Int,
    queryHead: Int
  ) -> [Entry] {
    let head = problem.head(batch: batch, queryHead: queryHead)
    let means = reference.blocks.map { BlockReference.mean(head.key, $0) }
    return reference.rows.enumerated().flatMap { row, queries -> [Entry] in
      let kept = selection?.blocks(head: batch * shape.queryHeads + queryHead, row: row) ?? []
      return means.enumerated().map { block, mean in
        Entry(
          head: queryHead, row: row, block: block,
          score: BlockReference.dot(Array(head.query[queries[0]]), mean),
          isOwn: reference.blocks[block].contains(queries[0]), isKept: kept.contains(block))
      }
    }
  }

  private func defect(_ entries: [Entry]) -> String? {
    guard entries.allSatisfy({ $0.isKept || !$0.isOwn }) else { return "an own chunk is missing" }
    let row = row(entries)
    guard !row.scores.isEmpty else { return nil }
    return SelectionReference.defect(
      chosen: Set(row.scores.keys.filter { entries[$0].isKept }), row: row)
  }

  /// The entries that are nobody's own, by their place among all that compete.
  private func row(_ entries: [Entry]) -> SelectionReference.Row {
    let least = entries.map(\.score).min() ?? 0
    let range = (entries.map(\.score).max() ?? 0) - least
    let isMapped = parameters.mode == .threshold
    let mapped = { (score: Double) in
      isMapped ? (score - least) / (range > 1e-6 ? range : 1) : score
    }
    let all = entries.map { mapped($0.score) }.reduce(0, +)
    let own = entries.filter(\.isOwn).map { mapped($0.score) }.reduce(0, +)
    let others = entries.enumerated().filter { !$0.element.isOwn }
    let scores = Dictionary(
      uniqueKeysWithValues: others.map { ($0.offset, mapped($0.element.score)) })
    let queries = Set(entries.map { [$0.head, $0.row] }).count
    let rule: SelectionReference.Rule =
      isMapped
      ? .reaching(
        parameters.threshold >= 1 ? .infinity : Swift.max(0, parameters.threshold * all - own))
      : .top(parameters.topK * queries - entries.count(where: \.isOwn))
    // Scores in Float32 are off by 1e-5 of the largest, sums of them by as much per member.
    let size = isMapped ? 1 : 1 + (entries.map { abs($0.score) }.max() ?? 0)
    let tolerance = 1e-5 * size
    return SelectionReference.Row(
      scores: scores, rule: rule, tolerance: tolerance,
      sumTolerance: tolerance * Double(entries.count))
  }
}
