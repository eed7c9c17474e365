// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// LongHeads: every head looks at a few chunks, described by what their own attention finds.
///
/// A chunk of `chunkSize` keys is described by its keys, weighted by softmax of their products with
/// the mean output of causal attention inside the chunk. A query attends to the first chunk, to its
/// own up to itself, to the one before, and to the past chunks whose description has the largest
/// product with it, `topK` chunks in all. Tensors are those of ``Flash``, self-attention with equal
/// head and value dimensions.
///
/// - Note: Exact on the selected pairs; `topK >= chunks` is causal dense attention. The paper gives
///   the chosen chunks new, compact positions before its rotary embedding; here tensors are taken
///   as they are.
///
/// Source: Lu et al., *LongHeads* (2024), arXiv:2402.10685, section 3.
public struct LongHeads: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var chunkSize = 256
    public var topK = 8
    public var order = AttendSelected.Order.byBlock

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("chunkSize", \.chunkSize, "Keys per chunk."),
      ParameterField("topK", \.topK, "Chunks per query: first, own and previous included."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "longheads", title: "LongHeads", family: .blockSelect,
    origin: Citation(
      "LongHeads: Multi-Head Attention is Secretly a Long Context Processor", arXiv: "2402.10685",
      year: 2024),
    summary: "Queries attend to the first, own and previous chunks and to those whose "
      + "attention-pooled key scores highest.",
    patterns: [.causalSelf], exactness: .maskedExact,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "4 tokens topK chunkSize headDim operations; 2 tokens chunkSize headDim for the chunks, "
      + "2 tokens chunks headDim for the scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("chunkSize", parameters.chunkSize)
    guard parameters.topK >= 3 else {
      throw .outOfRange(
        parameter: "topK", value: "\(parameters.topK)",
        rule: "it must be at least 3: the first, the previous and the own chunk count")
    }
    guard shape.headDim == shape.valueDim else {
      throw .unsupportedShape(
        mechanism: Self.card.id, shape: "\(shape)",
        rule: "outputs are compared with keys, so valueDim must equal headDim")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let product = FeatureProduct(key: PooledFeature([.attention]))
    let stage = AttendSelected(
      rows: .queries(1), blocks: .consecutive(parameters.chunkSize), scoring: .product(product),
      rule: BlockRule(.top(parameters.topK)),
      forced: ForcedBlocks(own: true, first: 1, previous: 1), order: parameters.order)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  public var verificationLength: Int {
    Swift.min((parameters.topK + 2) * parameters.chunkSize, 900) + 29
  }

  private var reference: BlockReference {
    BlockReference(shape: shape, queryBlock: 1, keyBlock: parameters.chunkSize)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    reference.attend(problem) { head, _, _ in choices(head) }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { head, _, _ in choices(head) }
  }

  private func choices(_ head: ReferenceHead) -> [SelectionReference.Row] {
    let chunks = reference.blocks.map { description(head, $0) }
    return (0..<shape.queryLength).map { query in
      let own = query / parameters.chunkSize
      let forced = Set([0, Swift.max(own - 1, 0), own])
      let scores = Dictionary(
        uniqueKeysWithValues: (0...own).filter { !forced.contains($0) }.map {
          ($0, BlockReference.dot(Array(head.query[query]), chunks[$0]))
        })
      // Descriptions are sums of keys under softmax weights: a little less exact than a mean.
      let largest = scores.values.map(abs).max() ?? 0
      return SelectionReference.Row(
        scores: scores, rule: .top(parameters.topK - forced.count), forced: forced,
        tolerance: 2e-5 * (1 + largest))
    }
  }

  /// Keys weighted by the mean output of causal attention inside the chunk.
  private func description(_ head: ReferenceHead, _ chunk: [Int]) -> [Double] {
    var mean = [Double](repeating: 0, count: shape.valueDim)
    for (index, query) in chunk.enumerated() {
      let output = weighted(Array(head.query[query]), head.key, Array(chunk[...index]), head.value)
      for channel in mean.indices { mean[channel] += output[channel] / Double(chunk.count) }
    }
    return weighted(mean, head.key, chunk, head.key)
  }

  private func weighted(_ query: [Double], _ keys: Rows, _ tokens: [Int], _ rows: Rows) -> [Double]
  {
    let scores = tokens.map { shape.softmaxScale * BlockReference.dot(query, Array(keys[$0])) }
    let top = scores.max() ?? 0
    let weights = scores.map { Double.exp($0 - top) }
    let total = weights.reduce(0, +)
    var sum = [Double](repeating: 0, count: rows.width)
    for (token, weight) in zip(tokens, weights) {
      for (channel, value) in rows[token].enumerated() { sum[channel] += weight / total * value }
    }
    return sum
  }
}
