// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// SALE: 4-bit estimates of all scores find the blocks that matter beside sink and neighbourhood.
///
/// A block of `queryBlock` queries attends exactly to the first `keyBlock` keys and to its last
/// `local` keys and its own; per query these give a maximum `m` and a sum `Z` of exponentials. The
/// scores of all other keys are estimated from INT4 codes of queries and keys less their means (one
/// scale per token, the mean query's part in Float32). A block of `keyBlock` keys is kept if any
/// estimate `a` has `e^(a - m) / Z > threshold`. Tensors are those of ``Flash``, self-attention.
///
/// - Note: Exact on the selected pairs; a threshold below 1e-5 keeps everything. Kept blocks are
///   attended in Float32. The authors round the mean query's part to whole code products and the
///   local region up to a segment; here neither is rounded.
///
/// Source: Ji et al., *SALE: Low-bit Estimation for Efficient Sparse Attention in Long-context LLM
/// Prefilling* (2025), arXiv:2505.24179; sizes as in the authors' code.
public struct SALE: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var queryBlock = 64
    public var keyBlock = 32
    public var local = 128
    public var threshold = 0.004
    public var order = AttendSelected.Order.byQuery

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("queryBlock", \.queryBlock, "Queries per block."),
      ParameterField("keyBlock", \.keyBlock, "Keys per block, at most 32."),
      ParameterField("local", \.local, "Keys before a query block that it always sees."),
      ParameterField("threshold", \.threshold, "Relative attention score above which to keep."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "sale", title: "SALE low-bit estimation", family: .blockSelect,
    origin: Citation(
      "SALE: Low-bit Estimation for Efficient Sparse Attention in Long-context LLM Prefilling",
      arXiv: "2505.24179", year: 2025),
    summary: "Blocks are kept if a 4-bit estimate of some score is large beside the exact scores "
      + "of sink and neighbourhood.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "2 pairs (headDim + valueDim) operations, pairs by the data; tokens^2 headDim 4-bit "
      + "operations for the estimates")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("queryBlock", parameters.queryBlock)
    try BlockSelectTexts.share("threshold", parameters.threshold)
    guard (1...32).contains(parameters.keyBlock) else {
      throw .outOfRange(
        parameter: "keyBlock", value: "\(parameters.keyBlock)", rule: "it must be in 1 ... 32")
    }
    guard parameters.local >= 0 else {
      throw .outOfRange(
        parameter: "local", value: "\(parameters.local)", rule: "it must not be negative")
    }
    guard shape.headDim <= 256 else {
      throw .unsupportedShape(
        mechanism: Self.card.id, shape: "\(shape)",
        rule: "products of 4-bit codes are added in 16 bits, for headDim up to 256")
    }
    self.parameters = parameters
    self.shape = shape
  }

  private var keepsAll: Bool { parameters.threshold < 1e-5 }

  public var plan: Plan {
    let local = (parameters.local + parameters.keyBlock - 1) / parameters.keyBlock
    let blocks = (shape.keyLength + parameters.keyBlock - 1) / parameters.keyBlock
    let stage = AttendSelected(
      rows: .queries(parameters.queryBlock), blocks: .consecutive(parameters.keyBlock),
      scoring: .lowBitEstimate(LowBitEstimate(share: parameters.threshold)),
      rule: BlockRule(.above(parameters.threshold)),
      forced: ForcedBlocks(own: true, first: 1, previous: keepsAll ? blocks : local),
      order: parameters.order)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  public var verificationLength: Int { 8 * parameters.queryBlock + parameters.local + 29 }

  private var reference: BlockReference {
    BlockReference(
      shape: shape, queryBlock: parameters.queryBlock, keyBlock: parameters.keyBlock)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { head, _, _ in choices(head) }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { head, _, _ in choices(head) }
  }

  private func choices(_ head: ReferenceHead) -> [SelectionReference.Row] {
    let keyMean = floatMean(head.key)
    let queryMean = floatMean(head.query)
    let keys = coded(head.key, less: keyMean)
    let queries = coded(head.query, less: queryMean)
    let smooth = difference(head.key, keyMean)
    let part = (0..<shape.keyLength).map { BlockReference.dot(queryMean, Array(smooth[$0])) }
    let reference = reference
    return reference.rows.enumerated().map { row, members in
      let (first, visible) = (members[0], reference.visibleBlocks(row))
      let near = Swift.max(
        first / parameters.keyBlock
          - (parameters.local + parameters.keyBlock - 1) / parameters.keyBlock, 0)
      let forced = Set(visible.filter { $0 == 0 || $0 >= near })
      guard !keepsAll else { return .everything(visible) }
      let free = visible.filter { !forced.contains($0) }
      var scores: [Int: Double] = [:]
      guard !free.isEmpty else {
        return SelectionReference.Row(scores: [:], rule: .above(0), forced: forced, tolerance: 0)
      }
      for query in members {
        let least = threshold(head, smooth, query: query, forced, reference)
        for block in free {
          for key in reference.blocks[block] {
            let estimate =
              shape.softmaxScale
              * (BlockReference.dot(Array(queries[query]), Array(keys[key])) + part[key])
            scores[block] = Swift.max(scores[block] ?? -.infinity, estimate - least)
          }
        }
      }
      // Exact scores and estimates in Float32 against Double: 1e-5 of scores up to 50.
      return SelectionReference.Row(
        scores: scores, rule: .above(0), forced: forced, tolerance: 5e-4)
    }
  }

  private func threshold(
    _ head: ReferenceHead, _ smooth: Rows, query: Int, _ forced: Set<Int>,
    _ reference: BlockReference
  ) -> Double {
    let scores = forced.flatMap { reference.blocks[$0] }.filter { $0 <= query }.map {
      shape.softmaxScale * head.query.dot(query, smooth, $0)
    }
    let top = scores.max() ?? 0
    return top
      + Double.log(parameters.threshold * scores.reduce(0) { $0 + Double.exp($1 - top) })
  }

  /// The mean in Float32, rows added in order: codes depend on its last bit.
  private func floatMean(_ rows: Rows) -> [Double] {
    (0..<rows.width).map { column in
      let sum = (0..<rows.count).reduce(Float(0)) { $0 + Float(rows[$1, column]) }
      return Double(sum * (1 / Float(rows.count)))
    }
  }

  /// Rows less a mean, each difference rounded to Float32.
  private func difference(_ rows: Rows, _ mean: [Double]) -> Rows {
    var result = rows
    for row in 0..<rows.count {
      for column in 0..<rows.width {
        result[row, column] = Double(Float(rows[row, column]) - Float(mean[column]))
      }
    }
    return result
  }

  /// INT4 codes of rows less a mean, times their scale: one per row, in Float32.
  private func coded(_ rows: Rows, less mean: [Double]) -> Rows {
    QuantiserReference.quantise(
      difference(rows, mean), OperandRule(.number(.int4), group: .token), rounding: .even
    ).values
  }
}
