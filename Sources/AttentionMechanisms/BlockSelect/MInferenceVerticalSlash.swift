// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// The vertical-slash heads of MInference: columns and diagonals that the last queries attend to.
///
/// The softmax rows of the last `lastQueries` queries are added up by column and by diagonal
/// (query less key). The `columns` largest column sums are kept, the first `sinkColumns` among them
/// in any case, and the `diagonals` largest diagonal sums, the `nearDiagonals` nearest among them.
/// A block of `queryBlock` queries attends causally to the kept columns and, for every kept
/// diagonal, to the `queryBlock` keys that the diagonal passes over on its way through the block:
/// a little more than the diagonals themselves, as in the authors' kernel.
///
/// - Note: Exact on the selected pairs; all columns or all diagonals are causal dense attention.
///   The choice looks at the last queries, so it is not causal; values are.
///
/// Source: Jiang et al., *MInference 1.0* (2024), arXiv:2407.02490, algorithm 2; sizes as in the
/// authors' code.
public struct MInferenceVerticalSlash: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var lastQueries = 64
    public var columns = 1000
    public var diagonals = 6096
    public var sinkColumns = 30
    public var nearDiagonals = 100
    public var queryBlock = 64

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("lastQueries", \.lastQueries, "Queries at the end that are asked."),
      ParameterField("columns", \.columns, "Columns that are kept."),
      ParameterField("diagonals", \.diagonals, "Diagonals that are kept."),
      ParameterField("sinkColumns", \.sinkColumns, "First columns, kept in any case."),
      ParameterField("nearDiagonals", \.nearDiagonals, "Nearest diagonals, kept in any case."),
      ParameterField("queryBlock", \.queryBlock, "Queries that share a set of keys."),
    ]
  }

  public static let card = MechanismCard(
    id: "minference-vertical-slash", title: "MInference vertical-slash heads",
    family: .blockSelect,
    origin: Citation(
      "MInference 1.0: Accelerating Pre-filling for Long-Context LLMs via Dynamic Sparse Attention",
      arXiv: "2407.02490", year: 2024),
    summary: "Queries attend to the columns and diagonals that the last queries attend to most.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost:
      "2 pairs (headDim + valueDim) operations, pairs by the data; 2 lastQueries tokens headDim "
      + "for the scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("lastQueries", parameters.lastQueries)
    try BlockSelectTexts.atLeastOne("columns", parameters.columns)
    try BlockSelectTexts.atLeastOne("queryBlock", parameters.queryBlock)
    // The main diagonal must be kept: a query that sees nothing has no output.
    try BlockSelectTexts.atLeastOne("nearDiagonals", parameters.nearDiagonals)
    guard parameters.diagonals >= parameters.nearDiagonals else {
      throw .outOfRange(
        parameter: "diagonals", value: "\(parameters.diagonals)",
        rule: "it must be at least nearDiagonals = \(parameters.nearDiagonals), which count")
    }
    guard (0...parameters.columns).contains(parameters.sinkColumns) else {
      throw .outOfRange(
        parameter: "sinkColumns", value: "\(parameters.sinkColumns)",
        rule: "it must be in 0 ... columns = \(parameters.columns)")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let pattern = VerticalSlash(
      lastQueries: parameters.lastQueries, columns: parameters.columns,
      sinkColumns: parameters.sinkColumns, diagonals: parameters.diagonals,
      nearDiagonals: parameters.nearDiagonals, span: parameters.queryBlock)
    let stage = AttendSelected(
      rows: .queries(parameters.queryBlock), blocks: .consecutive(1),
      scoring: .verticalSlash(pattern), rule: BlockRule(.above(0)), order: .byRow)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  private var reference: BlockReference {
    BlockReference(shape: shape, queryBlock: parameters.queryBlock, keyBlock: 1)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { head, _, _ in
      let kept = search(head)
      return reference.rows.map { .everything(keys(queries: $0, kept)) }
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    guard let selection = problem.selection else { return ["no selection was made"] }
    var defects: [String] = []
    _ = problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let kept = search(head)
      // Sums that are equal to rounding at the cut may fall either way, and with them whole lines.
      guard kept.leastGap > 1e-6 else { return Rows(count: 0, width: 0) }
      for (row, queries) in reference.rows.enumerated() {
        let chosen = Set(selection.blocks(head: index, row: row))
        let expected = Set(keys(queries: queries, kept))
        if chosen != expected {
          defects.append(
            "head \(index), query block \(row): differs in keys "
              + "\(chosen.symmetricDifference(expected).sorted().prefix(5))")
        }
      }
      return Rows(count: 0, width: 0)
    }
    return defects
  }

  private struct Kept {
    let columns: Set<Int>
    let diagonals: Set<Int>
    /// How far the closest sums on both sides of a cut are apart.
    let leastGap: Double
  }

  private func search(_ head: ReferenceHead) -> Kept {
    var vertical = [Double](repeating: 0, count: shape.keyLength)
    var slash = vertical
    for query in Swift.max(shape.queryLength - parameters.lastQueries, 0)..<shape.queryLength {
      let scores = Dictionary(
        uniqueKeysWithValues: (0...query).map { ($0, head.query.dot(query, head.key, $0)) })
      for (key, weight) in SelectionReference.softmax(scores, scale: shape.softmaxScale) {
        vertical[key] += weight
        slash[query - key] += weight
      }
    }
    let columns = best(vertical, count: parameters.columns, sure: parameters.sinkColumns)
    let diagonals = best(slash, count: parameters.diagonals, sure: parameters.nearDiagonals)
    return Kept(
      columns: columns.kept, diagonals: diagonals.kept,
      leastGap: Swift.min(columns.gap, diagonals.gap))
  }

  private func best(_ sums: [Double], count: Int, sure: Int) -> (kept: Set<Int>, gap: Double) {
    let ranked = sums.indices.sorted { left, right in
      let (first, second) = (left < sure, right < sure)
      guard first == second else { return first }
      return first ? left < right : (sums[right], left) < (sums[left], right)
    }
    guard count < ranked.count else { return (Set(ranked), .infinity) }
    let gap = count > sure ? sums[ranked[count - 1]] - sums[ranked[count]] : .infinity
    // Columns without any weight are equal in Float32 as they are here.
    let isEmpty = count > sure && sums[ranked[count - 1]] == 0
    return (Set(ranked.prefix(count)), isEmpty ? .infinity : gap)
  }

  /// Keys of kept columns, and of the spans of kept diagonals, that the block's last query sees.
  private func keys(queries: [Int], _ kept: Kept) -> [Int] {
    guard let first = queries.first, let last = queries.last else { return [] }
    let end = first + parameters.queryBlock
    var result = kept.columns
    for offset in kept.diagonals {
      for key in end - offset - parameters.queryBlock..<end - offset where key >= 0 {
        result.insert(key)
      }
    }
    return result.filter { $0 <= last }
  }
}
