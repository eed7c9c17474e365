// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// SpargeAttn's block mask: query blocks keep the key blocks that carry most of the pooled softmax.
///
/// Queries are averaged over blocks of `queryBlock`, keys over blocks of `keyBlock`. A block whose
/// rows have a mean cosine of at most `similarity` is badly described by its mean: such a key block
/// is kept by everyone, such a query block keeps everything. Among the other visible key blocks
/// those are kept that make up the longest descending prefix of the softmax of scaled mean products
/// with a sum of at most `cumulative`, one at least; or the `topShare` best of all blocks where
/// that is above 0. Cosines of keys are taken after subtracting the mean key.
///
/// Kept blocks are visited in ascending order. A strip of queries leaves one out, weights and
/// values, where all scores lie at least `skipBelow` (log2 units) under the largest one that each
/// query has met before: what is lost of a row is less than 2^-skipBelow of it per key.
///
/// - Note: Exact on the selected pairs but for `skipBelow`; `cumulative == 1` with `skipBelow` 0
///   is dense attention. The authors' kernel decides for the 32 queries of a warp, this
///   one for the 32 of a strip (24 with AVX2). The largest score met is that of Float32 scores, so
///   blocks at the threshold may fall either way. Orders other than `byQuery`, INT8 scores, query
///   blocks below 32 and key blocks above 128 have no such filter: they take no threshold
///   between 0 and 40, and one of 40 or more, which Float32 sums cannot show, does nothing there.
///   `scores: int8` attends to kept blocks with the INT8 products of ``Sage1``'s variant B.
///   `ownBlock` is ours: without it a query whose chosen blocks all lie ahead of it attends to
///   nothing.
///
/// Source: Zhang et al., *SpargeAttn* (2025), arXiv:2502.18137, sections 3.2 and 3.4 and algorithm
/// 1; selection rule and defaults as in the authors' code, and from there that the weights of a
/// block that is left out are missing in the denominator, too.
public struct Sparge: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var queryBlock = 128
    public var keyBlock = 64
    public var similarity = 0.6
    public var cumulative = 0.98
    public var topShare = 0.0
    public var sink = false
    public var ownBlock = true
    public var scores = Scores.float32
    public var skipBelow = 50.0
    public var order = AttendSelected.Order.byQuery

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("queryBlock", \.queryBlock, "Queries per block."),
      ParameterField("keyBlock", \.keyBlock, "Keys per block."),
      ParameterField(
        "similarity", \.similarity, "Mean cosine up to which a block is kept whole."),
      ParameterField(
        "cumulative", \.cumulative, "Share of the pooled softmax that a query block keeps."),
      ParameterField(
        "topShare", \.topShare, "Share of all blocks to keep in place of `cumulative`, or 0."),
      ParameterField("sink", \.sink, "Whether the first block is always kept."),
      ParameterField("ownBlock", \.ownBlock, "Whether the blocks on the diagonal are always kept."),
      ParameterField(
        "scores", \.scores,
        "Scores of kept blocks: float32, or int8 with smoothed keys and a scale per block."),
      ParameterField(
        "skipBelow", \.skipBelow,
        "Distance [log2] under the largest score from which a block's values are left out, or 0."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public enum Scores: String, ParameterChoice {
    case float32, int8
  }

  public static let card = MechanismCard(
    id: "sparge", title: "SpargeAttn block mask", family: .blockSelect,
    origin: Citation(
      "SpargeAttn: Accurate Sparse Attention Accelerating Any Model Inference",
      arXiv: "2502.18137", year: 2025),
    summary: "Query blocks attend to the key blocks that hold most of the softmax of block means, "
      + "and to those that a mean describes badly.",
    patterns: [.noncausalSelf, .causalSelf], exactness: .maskedExact,
    laws: [.rowStochastic, .headEquivariant],
    cost: "2 pairs (headDim + valueDim) operations, pairs by the data; 2 queryBlocks keyBlocks "
      + "headDim for the scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("queryBlock", parameters.queryBlock)
    try BlockSelectTexts.atLeastOne("keyBlock", parameters.keyBlock)
    try BlockSelectTexts.share("cumulative", parameters.cumulative)
    try BlockSelectTexts.share("topShare", parameters.topShare)
    guard parameters.similarity >= -1, parameters.similarity <= 1 else {
      throw .outOfRange(
        parameter: "similarity", value: "\(parameters.similarity)", rule: "it must be in -1 ... 1")
    }
    guard
      parameters.scores == .float32
        || parameters.order == .byQuery && parameters.keyBlock.isMultiple(of: 4)
    else {
      throw .outOfRange(
        parameter: "scores", value: "int8",
        rule: "it needs order byQuery and a keyBlock that is a multiple of 4")
    }
    guard parameters.skipBelow >= 0 else {
      throw .outOfRange(
        parameter: "skipBelow", value: "\(parameters.skipBelow)", rule: "it must not be negative")
    }
    self.parameters = parameters
    self.shape = shape
    guard filterThreshold != nil || parameters.skipBelow == 0 || parameters.skipBelow >= Self.unseen
    else {
      throw .outOfRange(
        parameter: "skipBelow", value: "\(parameters.skipBelow)",
        rule: "below \(Self.unseen) it needs order byQuery, float32 scores, a queryBlock of at "
          + "least 32 and a keyBlock of at most 128; or switch it off with 0")
    }
  }

  /// Weights of 2^-40 of the largest change no Float32 sum.
  private static let unseen = 40.0

  /// The threshold of the second filter where it is executed.
  private var filterThreshold: Double? {
    guard parameters.skipBelow > 0, parameters.order == .byQuery, parameters.scores == .float32,
      parameters.queryBlock >= 32, parameters.keyBlock <= 128
    else { return nil }
    return parameters.skipBelow
  }

  private var kept: Int {
    let blocks = (shape.keyLength + parameters.keyBlock - 1) / parameters.keyBlock
    return Swift.max(Int(parameters.topShare * Double(blocks)), 1)
  }

  public var plan: Plan {
    let measure: BlockRule.Measure =
      parameters.topShare > 0 ? .top(kept) : .massWithin(parameters.cumulative)
    let stage = AttendSelected(
      rows: .queries(parameters.queryBlock), blocks: .consecutive(parameters.keyBlock),
      scoring: .product(
        FeatureProduct(
          form: .softmax(scale: shape.softmaxScale), leastSimilarity: parameters.similarity)),
      rule: BlockRule(measure, forcedTakePlaces: false),
      forced: ForcedBlocks(own: parameters.ownBlock, first: parameters.sink ? 1 : 0),
      order: parameters.order,
      precision: parameters.scores == .float32 ? .float32 : .int8(quantisation),
      leftOutBelow: filterThreshold)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  public var verificationLength: Int { 4 * parameters.queryBlock + 29 }

  private var reference: BlockReference {
    BlockReference(
      shape: shape, queryBlock: parameters.queryBlock, keyBlock: parameters.keyBlock)
  }

  /// Scales per block, as the authors' kernel has them; values stay in Float32.
  private var quantisation: QuantizationRule {
    QuantizationRule(
      queryGroup: parameters.queryBlock, keyGroup: parameters.keyBlock, smoothsKeys: true,
      valuePrecision: .float32)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    guard let filterThreshold else {
      return reference.attend(problem, operands: quantised) { head, _, _ in choices(head) }
    }
    let filter = BlockFilterReference(reference, below: filterThreshold)
    return problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let chosen = chosen(problem, head, index: index)
      let made = problem.selection?.leftOut
      let lanes = made?.lanes ?? BlockFilterReference.lanes
      return filter.attend(head, chosen: chosen, lanes: lanes) { row in
        guard let made else {
          return filter.leftOut(head, row: row, chosen: chosen[row], lanes: lanes)
        }
        return stride(from: 0, to: filter.reference.rows[row].count, by: lanes).map { offset in
          chosen[row].filter {
            made.contains(head: index, row: row, offset: offset, block: $0)
          }
        }
      }
    }
  }

  /// Blocks of every row unit: those of the selection at hand, or what the rule keeps.
  private func chosen(
    _ problem: ReferenceProblem, _ head: ReferenceHead, index: Int
  ) -> [Set<Int>] {
    guard let selection = problem.selection else {
      return choices(head).map(SelectionReference.choose)
    }
    return reference.rows.indices.map { Set(selection.blocks(head: index, row: $0)) }
  }

  /// Queries and keys as INT8 products see them, the softmax scale taken out again.
  private func quantised(_ head: ReferenceHead) -> ReferenceHead {
    guard parameters.scores == .int8 else { return head }
    let scale = Float(shape.softmaxScale * 1.442_695_040_888_963_4)
    let codes = QuantisedReference.int8(
      head.query.map { Double(Float($0) * scale) }, group: parameters.queryBlock, form: .scale)
    // Scores come out in log2 units.
    let unit = 0.693_147_180_559_945_3 / shape.softmaxScale
    return ReferenceHead(
      query: codes.map { $0 * unit },
      key: QuantisedReference.int8(
        QuantisedReference.smoothed(head.key), group: parameters.keyBlock),
      value: head.value)
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { head, _, _ in choices(head) } + filterDefects(problem)
  }

  private func filterDefects(_ problem: ReferenceProblem) -> [String] {
    guard let filterThreshold, let selection = problem.selection else { return [] }
    guard let leftOut = selection.leftOut else { return ["no filter was executed"] }
    let filter = BlockFilterReference(reference, below: filterThreshold)
    var defects: [String] = []
    _ = problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      for (row, chosen) in chosen(problem, head, index: index).enumerated() {
        defects += filter.defects(head, index: index, row: row, chosen: chosen, leftOut: leftOut)
      }
      return Rows(count: 0, width: 0)
    }
    return defects
  }

  private func choices(_ head: ReferenceHead) -> [SelectionReference.Row] {
    let reference = reference
    let keys = reference.blocks.map { BlockReference.mean(head.key, $0) }
    let smooth = BlockReference.mean(head.key, Array(0..<shape.keyLength))
    let unlike = reference.blocks.map { isUnlike(head.key, $0, less: smooth) }
    let zero = [Double](repeating: 0, count: shape.headDim)
    return reference.rows.enumerated().map { row, queries in
      let visible = reference.visibleBlocks(row)
      guard !isUnlike(head.query, queries, less: zero) else { return .everything(visible) }
      let query = BlockReference.mean(head.query, queries)
      var forced = Set(visible.filter { unlike[$0] })
      if parameters.ownBlock { forced.formUnion(own(row, reference)) }
      if parameters.sink { forced.insert(0) }
      let products = Dictionary(
        uniqueKeysWithValues: visible.filter { !unlike[$0] }.map {
          ($0, BlockReference.dot(query, keys[$0]))
        })
      let scores = SelectionReference.softmax(products, scale: shape.softmaxScale)
      // Products carry 1e-5 of the largest into the exponent.
      let largest = products.values.map(abs).max() ?? 0
      let rule: SelectionReference.Rule =
        parameters.topShare > 0
        ? .top(kept) : .within(parameters.cumulative >= 1 ? .infinity : parameters.cumulative)
      return SelectionReference.Row(
        scores: scores, rule: rule, forced: forced,
        tolerance: 1e-5 * (1 + shape.softmaxScale * largest))
    }
  }

  private func own(_ row: Int, _ reference: BlockReference) -> Set<Int> {
    guard !shape.isCausal else { return reference.diagonalBlocks(row) }
    return Set(
      reference.blocks.indices.filter { block in
        reference.rows[row].contains { reference.blocks[block].contains($0) }
      })
  }

  /// Whether the mean cosine over all pairs of rows is at most the threshold.
  private func isUnlike(_ rows: Rows, _ indices: [Int], less mean: [Double]) -> Bool {
    var sum = 0.0
    let units = indices.map { index -> [Double] in
      let row = zip(rows[index], mean).map { $0 - $1 }
      let norm = BlockReference.dot(row, row).squareRoot()
      return row.map { norm > 0 ? $0 / norm : 0 }
    }
    for left in units {
      for right in units { sum += BlockReference.dot(left, right) }
    }
    return sum / Double(units.count * units.count) <= parameters.similarity
  }
}
