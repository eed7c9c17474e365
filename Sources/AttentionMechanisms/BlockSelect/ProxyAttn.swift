// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// ProxyAttn: mean heads score blocks for many heads, each of which keeps as many as it needs.
///
/// The queries and keys of `headsPerProxy` neighbouring heads are averaged to one proxy head. Of
/// every `queryStride` queries of a block the last is asked: a key block scores the largest softmax
/// weight that any of them gives to one of its keys. Every head finds how many blocks hold `mass`
/// of the exact weights of its last query block, and keeps the same share of the visible blocks in
/// every row, the best by proxy score, beside the first block and its own. Tensors are those of
/// ``Flash``, self-attention only.
///
/// - Note: Exact on the selected pairs; `mass == 1` is causal dense attention where no block has
///   a mass of exactly 0. The authors' code was not available: stride and sizes are ours. Budgets
///   look at the last queries, so the choice is not causal; values are.
///
/// Source: *ProxyAttn: Guided Sparse Attention via Representative Heads* (2025), arXiv:2509.24745.
public struct ProxyAttn: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var blockSize = 128
    public var headsPerProxy = 8
    public var queryStride = 4
    public var mass = 0.95
    public var order = AttendSelected.Order.byQuery

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Queries and keys per block."),
      ParameterField(
        "headsPerProxy", \.headsPerProxy,
        "Query heads that share a proxy; all heads where there are fewer."),
      ParameterField("queryStride", \.queryStride, "Of as many queries of a block one is asked."),
      ParameterField("mass", \.mass, "Share of the last queries' weights that sets the budget."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "proxyattn", title: "ProxyAttn", family: .blockSelect,
    origin: Citation(
      "ProxyAttn: Guided Sparse Attention via Representative Heads", arXiv: "2509.24745",
      year: 2025),
    summary: "Averaged heads score blocks by their largest token weight; every head keeps as many "
      + "blocks as its last queries need.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic],
    cost: "2 pairs (headDim + valueDim) operations, pairs by the data; tokens^2 headDim / "
      + "(queryStride headsPerProxy) for the scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("blockSize", parameters.blockSize)
    try BlockSelectTexts.atLeastOne("headsPerProxy", parameters.headsPerProxy)
    try BlockSelectTexts.atLeastOne("queryStride", parameters.queryStride)
    try BlockSelectTexts.share("mass", parameters.mass)
    guard shape.queryHeads.isMultiple(of: Swift.min(parameters.headsPerProxy, shape.queryHeads))
    else {
      throw .outOfRange(
        parameter: "headsPerProxy", value: "\(parameters.headsPerProxy)",
        rule: "it must divide the \(shape.queryHeads) query heads")
    }
    self.parameters = parameters
    self.shape = shape
  }

  private var group: Int { Swift.min(parameters.headsPerProxy, shape.queryHeads) }

  public var plan: Plan {
    let pattern = ProxyHeads(
      headsPerProxy: group, queryStride: parameters.queryStride, mass: parameters.mass)
    let stage = AttendSelected(
      rows: .queries(parameters.blockSize), blocks: .consecutive(parameters.blockSize),
      scoring: .proxyHeads(pattern),
      rule: BlockRule(.mass(parameters.mass), forcedTakePlaces: false),
      forced: ForcedBlocks(own: true, first: 1), order: parameters.order)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  public var verificationLength: Int { Swift.min(6 * parameters.blockSize, 900) + 29 }

  private var reference: BlockReference {
    BlockReference(
      shape: shape, queryBlock: parameters.blockSize, keyBlock: parameters.blockSize)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { head, batch, queryHead in
      choices(problem, head, batch: batch, queryHead: queryHead) ?? []
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { head, batch, queryHead in
      choices(problem, head, batch: batch, queryHead: queryHead) ?? []
    }
  }

  /// Nil where the budget hangs on rounding, so that no row can be judged.
  private func choices(
    _ problem: ReferenceProblem, _ head: ReferenceHead, batch: Int, queryHead: Int
  ) -> [SelectionReference.Row]? {
    let masses = lastMasses(head)
    let ranked = masses.sorted(by: >)
    var count = 0
    var sum = 0.0
    while count < ranked.count, count == 0 || parameters.mass >= 1 || sum < parameters.mass {
      sum += ranked[count]
      count += 1
    }
    let before = sum - ranked[count - 1]
    let isClose = Swift.min((sum - parameters.mass).magnitude, (before - parameters.mass).magnitude)
    if isClose < 1e-5, problem.selection != nil, parameters.mass < 1 { return nil }
    let proxy = proxyHead(problem, batch: batch, first: queryHead / group * group)
    let reference = reference
    return reference.rows.enumerated().map { row, queries in
      let weights = blockMaxima(proxy, queries: queries, blocks: row + 1)
      let budget = (count * (row + 1) + ranked.count - 1) / ranked.count
      return SelectionReference.Row(
        scores: Dictionary(uniqueKeysWithValues: weights.enumerated().map { ($0, $1) }),
        rule: .top(budget), forced: [0, row],
        // Weights in Float32: products carry up to 1e-5 of their size into the exponent.
        tolerance: 1e-4 * (weights.max() ?? 0))
    }
  }

  /// Mean weight of every block in the rows of the last query block.
  private func lastMasses(_ head: ReferenceHead) -> [Double] {
    let queries = reference.rows.last ?? []
    var masses = [Double](repeating: 0, count: reference.blocks.count)
    for query in queries {
      for (key, weight) in weights(head, query: query) {
        masses[key / parameters.blockSize] += weight / Double(queries.count)
      }
    }
    return masses
  }

  private func blockMaxima(_ head: ReferenceHead, queries: [Int], blocks: Int) -> [Double] {
    var best = [Double](repeating: 0, count: blocks)
    let asked = queries.enumerated().filter {
      $0.offset % parameters.queryStride == parameters.queryStride - 1
        || $0.offset == queries.count - 1
    }
    for (_, query) in asked {
      for (key, weight) in weights(head, query: query) {
        best[key / parameters.blockSize] = Swift.max(best[key / parameters.blockSize], weight)
      }
    }
    return best
  }

  private func weights(_ head: ReferenceHead, query: Int) -> [Int: Double] {
    SelectionReference.softmax(
      Dictionary(
        uniqueKeysWithValues: (0...query).map { ($0, head.query.dot(query, head.key, $0)) }),
      scale: shape.softmaxScale)
  }

  private func proxyHead(_ problem: ReferenceProblem, batch: Int, first: Int) -> ReferenceHead {
    let heads = (first..<first + group).map { problem.head(batch: batch, queryHead: $0) }
    let mean = { (path: KeyPath<ReferenceHead, Rows>) in
      var sum = heads[0][keyPath: path]
      for index in sum.values.indices {
        sum.values[index] =
          heads.reduce(0) { $0 + $1[keyPath: path].values[index] }
          / Double(heads.count)
      }
      return sum
    }
    return ReferenceHead(query: mean(\.query), key: mean(\.key), value: heads[0].value)
  }
}
