// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Block attention to a window, to global blocks at both ends and to random blocks.
///
/// With blocks of `blockSize` tokens, the first and the last block see everything and are seen by
/// everyone; a block between sees itself, its two neighbours and `randomBlocks` blocks beside those,
/// drawn per head from `seed`. Tensors are those of ``Flash``; bidirectional self-attention.
///
/// - Requires: `blockSize >= 1` and `randomBlocks >= 0`, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask; `randomBlocks + 4 >= blocks` is dense attention.
///
/// Source: Zaheer et al., *Big Bird: Transformers for Longer Sequences* (2020), arXiv:2007.14062,
/// section 2 and appendix D.
public struct BigBird: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var blockSize = 64
    public var randomBlocks = 3
    public var seed = 0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Tokens per block."),
      ParameterField("randomBlocks", \.randomBlocks, "Random blocks seen by each middle block."),
      ParameterField("seed", \.seed, "Seed of the random blocks."),
    ]
  }

  public static let card = MechanismCard(
    id: "bigbird", title: "Big Bird", family: .local,
    origin: Citation(
      "Big Bird: Transformers for Longer Sequences", arXiv: "2007.14062", year: 2020),
    summary: "Window of three blocks, global first and last block, random blocks per head.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic],
    cost: "2 blockSize^2 (2 blocks + (blocks - 2) (5 + randomBlocks)) (headDim + valueDim)")

  public let parameters: Parameters
  private let shape: AttentionShape
  /// Random blocks by head and block row.
  private let random: [[[Int]]]
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("blockSize", parameters.blockSize, atLeast: 1)
    try Self.require("randomBlocks", parameters.randomBlocks, atLeast: 0)
    try Self.checkBlocks(size: parameters.blockSize, shape: shape)
    self.parameters = parameters
    self.shape = shape
    let blocks = (shape.keyLength + parameters.blockSize - 1) / parameters.blockSize
    let random = (0..<shape.queryHeads).map { head in
      Self.draw(parameters, blocks: blocks, head: head)
    }
    self.random = random
    heads = HeadPatterns(
      perHead: random.map { rows in
        let seen = (0..<blocks).map { row in
          row == 0 || row == blocks - 1
            ? Array(0..<blocks)
            : [0, blocks - 1] + [row - 1, row, row + 1] + rows[row]
        }
        return HeadPattern(
          .blocks(
            BlockTable(
              queryBlock: parameters.blockSize, keyBlock: parameters.blockSize, rows: seen)))
      }, shape: shape)
  }

  /// For every middle row, distinct blocks beside the window and the global ones.
  private static func draw(_ parameters: Parameters, blocks: Int, head: Int) -> [[Int]] {
    var generator = SplitMix64(
      seed: Seed(UInt64(bitPattern: Int64(parameters.seed))).child("bigbird/blocks \(head)"))
    return (0..<blocks).map { row in
      guard row > 0, row < blocks - 1 else { return [] }
      let free = (1..<max(blocks - 1, 1)).filter { abs($0 - row) > 1 }
      return Array(free.shuffled(using: &generator).prefix(parameters.randomBlocks))
    }
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let size = parameters.blockSize
    let last = (shape.keyLength - 1) / size
    return problem.mapHeads { head, _, queryHead in
      SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        let (row, block) = (query / size, key / size)
        return [row, block].contains { $0 == 0 || $0 == last } || abs(row - block) <= 1
          || random[queryHead][row].contains(block)
      }
    }
  }
}
