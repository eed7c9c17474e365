// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Tiled exact softmax that skips the tiles of a given block mask.
///
/// Query block `a` of `blockSize` tokens sees the key blocks that the mask lists. `butterfly`: its own
/// block, those whose index differs from `a` in one binary digit, and the first `globalBlocks`, which
/// also see everything. `random`: every block with probability `density`, drawn per head from `seed`,
/// and its own. Within the mask causality holds as usual. Tensors are those of ``Flash``;
/// self-attention.
///
/// - Requires: `blockSize >= 1`, `globalBlocks >= 0` and `density` in 0...1, otherwise
///   ``init(_:shape:)`` throws ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask; `density == 1` is dense attention.
///
/// Source: Dao et al., *FlashAttention* (2022), arXiv:2205.14135, section 3.3 and algorithm 5;
/// butterfly pattern: Dao et al., *Pixelated Butterfly* (2021), arXiv:2112.00029.
public struct BlockSparseFlash: AttentionMechanism {
  public enum Mask: String, ParameterChoice {
    case butterfly, random
  }

  public struct Parameters: MechanismParameters {
    public var blockSize = 128
    public var mask = Mask.butterfly
    public var globalBlocks = 1
    public var density = 0.25
    public var seed = 0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Tokens per block."),
      ParameterField("mask", \.mask, "How the mask is made."),
      ParameterField("globalBlocks", \.globalBlocks, "butterfly: first blocks seen by all."),
      ParameterField("density", \.density, "random: share of the blocks that is seen."),
      ParameterField("seed", \.seed, "random: seed of the mask."),
    ]
  }

  public static let card = MechanismCard(
    id: "block-sparse-flash", title: "Block-sparse FlashAttention", family: .exact,
    origin: Citation(
      "FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness",
      arXiv: "2205.14135", year: 2022),
    summary: "Tiled softmax that skips the tiles of a block mask.",
    patterns: [.noncausalSelf, .causalSelf], exactness: .maskedExact,
    laws: [.rowStochastic, .causal],
    cost: "2 blocks seen blockSize^2 (headDim + valueDim) operations")

  public let parameters: Parameters
  private let shape: AttentionShape
  /// Key blocks by head and query block.
  private let seen: [[Set<Int>]]
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("blockSize", parameters.blockSize, atLeast: 1)
    try Self.require("globalBlocks", parameters.globalBlocks, atLeast: 0)
    guard (0...1).contains(parameters.density) else {
      throw .outOfRange(
        parameter: "density", value: "\(parameters.density)", rule: "it must lie in 0...1")
    }
    try Self.checkBlocks(size: parameters.blockSize, shape: shape)
    self.parameters = parameters
    self.shape = shape
    let blocks = (shape.keyLength + parameters.blockSize - 1) / parameters.blockSize
    let seen = (0..<shape.queryHeads).map { head in
      parameters.mask == .butterfly
        ? Self.butterfly(parameters, blocks: blocks)
        : Self.random(parameters, blocks: blocks, head: head)
    }
    self.seen = seen
    heads = HeadPatterns(
      perHead: seen.map { rows in
        let table = BlockTable(
          queryBlock: parameters.blockSize, keyBlock: parameters.blockSize,
          rows: rows.map { Array($0) })
        return HeadPattern(.intersection([.blocks(table), .sequence(shape)]))
      }, shape: shape)
  }

  private static func butterfly(_ parameters: Parameters, blocks: Int) -> [Set<Int>] {
    (0..<blocks).map { row in
      if row < parameters.globalBlocks { return Set(0..<blocks) }
      let partners = (0..<blocks).filter { ($0 ^ row).nonzeroBitCount <= 1 }
      return Set(partners + Array(0..<min(parameters.globalBlocks, blocks)))
    }
  }

  private static func random(_ parameters: Parameters, blocks: Int, head: Int) -> [Set<Int>] {
    var generator = SplitMix64(
      seed: Seed(UInt64(bitPattern: Int64(parameters.seed)))
        .child("block-sparse-flash/mask \(head)"))
    return (0..<blocks).map { row in
      Set(
        (0..<blocks).filter { block in
          // Drawn for every block, so that the mask does not depend on what is forced.
          let draw = Double.random(in: 0..<1, using: &generator)
          return draw < parameters.density || block == row
        })
    }
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  /// The mask is an input of the mechanism; what is checked is what is done with it.
  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let size = parameters.blockSize
    return problem.mapHeads { head, _, queryHead in
      SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        SoftmaxReference.allows(shape, query: query, key: key)
          && seen[queryHead][query / size].contains(key / size)
      }
    }
  }
}
