// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Causal attention to recent blocks and to every `verticalStride`-th block, another set per head.
///
/// With blocks of `blockSize` tokens, query block `a` sees key block `b <= a` if `a - b` is below
/// `localBlocks` or `(b + head * step + 1) mod verticalStride == 0`, where
/// `step = max(1, verticalStride / heads)`; together the heads see the whole context. The last
/// `denseHeads` heads see everything. Tensors are those of ``Flash``; self-attention only.
///
/// - Requires: `blockSize`, `localBlocks` and `verticalStride` at least 1, `denseHeads` at most the
///   number of heads, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask; `verticalStride == 1` is causal dense attention.
///
/// Source: Lin et al., *Efficient LLM Training and Serving with Heterogeneous Context Sharding among
/// Attention Heads* (2024), arXiv:2407.17678.
public struct ShardedAttention: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var blockSize = 64
    public var localBlocks = 16
    public var verticalStride = 8
    public var denseHeads = 0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Tokens per block."),
      ParameterField("localBlocks", \.localBlocks, "Recent blocks seen, the own one included."),
      ParameterField("verticalStride", \.verticalStride, "Distance between blocks seen by all."),
      ParameterField("denseHeads", \.denseHeads, "Last heads that see every earlier key."),
    ]
  }

  public static let card = MechanismCard(
    id: "s2-attention", title: "Heterogeneous context sharding", family: .local,
    origin: Citation(
      "Efficient LLM Training and Serving with Heterogeneous Context Sharding among Attention Heads",
      arXiv: "2407.17678", year: 2024),
    summary: "Recent blocks for all heads and strided blocks that differ from head to head.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic, .causal],
    cost: "per query about blockSize (localBlocks + blocks / verticalStride) pairs")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("blockSize", parameters.blockSize, atLeast: 1)
    try Self.require("localBlocks", parameters.localBlocks, atLeast: 1)
    try Self.require("verticalStride", parameters.verticalStride, atLeast: 1)
    guard (0...shape.queryHeads).contains(parameters.denseHeads) else {
      throw .outOfRange(
        parameter: "denseHeads", value: "\(parameters.denseHeads)",
        rule: "it must lie in 0...\(shape.queryHeads), the number of heads")
    }
    try Self.checkBlocks(size: parameters.blockSize, shape: shape)
    self.parameters = parameters
    self.shape = shape
    let blocks = (shape.keyLength + parameters.blockSize - 1) / parameters.blockSize
    let step = max(1, parameters.verticalStride / shape.queryHeads)
    heads = HeadPatterns(
      perHead: (0..<shape.queryHeads).map { head in
        guard head < shape.queryHeads - parameters.denseHeads else {
          return HeadPattern(.sequence(shape))
        }
        let rows = (0..<blocks).map { row in
          (0...row).filter { block in
            row - block < parameters.localBlocks
              || (block + head * step + 1).isMultiple(of: parameters.verticalStride)
          }
        }
        let table = BlockTable(
          queryBlock: parameters.blockSize, keyBlock: parameters.blockSize, rows: rows)
        return HeadPattern(.intersection([.blocks(table), .sequence(shape)]))
      }, shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let (size, stride) = (parameters.blockSize, parameters.verticalStride)
    let step = Swift.max(1, Int((Double(stride) / Double(shape.queryHeads)).rounded(.down)))
    return problem.mapHeads { head, _, queryHead in
      let isDense = queryHead >= shape.queryHeads - parameters.denseHeads
      return SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        let isLocal = query / size - key / size < parameters.localBlocks
        let isVertical = (key / size + queryHead * step + 1) % stride == 0
        return key <= query && (isDense || isLocal || isVertical)
      }
    }
  }
}
