// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// The first block and, per head, a window whose length grows with the sequence at its own rate.
///
/// Head `h` sees `span_h = alpha_h + beta_h tokens` recent keys in blocks of `blockSize`: query block
/// `a` sees the first block and key blocks `b <= a` with
/// `a - b < floor(alpha_h / blockSize + beta_h blocks)`, its own always. The paper searches the rules
/// with calibration data; here they run over the heads from (`alphaLeast`, `betaLeast`) to
/// (`alphaMost`, `betaMost`) in equal steps. Tensors are those of ``Flash``; causal self-attention.
///
/// - Requires: `blockSize >= 1`, `0 <= alphaLeast <= alphaMost` and `0 <= betaLeast <= betaMost <= 1`,
///   otherwise ``init(_:shape:)`` throws ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask; `betaLeast == 1` is causal dense attention.
///
/// Source: Fu et al., *MoA: Mixture of Sparse Attention for Automatic Large Language Model
/// Compression* (2024), arXiv:2406.14909, section 3.
public struct MixtureOfSpans: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var blockSize = 64
    public var alphaLeast = 512
    public var alphaMost = 2048
    public var betaLeast = 0.0
    public var betaMost = 0.5

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Tokens per block."),
      ParameterField("alphaLeast", \.alphaLeast, "Constant part of the span of head 0 [keys]."),
      ParameterField(
        "alphaMost", \.alphaMost, "Constant part of the span of the last head [keys]."),
      ParameterField("betaLeast", \.betaLeast, "Share of the sequence in the span of head 0."),
      ParameterField("betaMost", \.betaMost, "Share of the sequence in that of the last head."),
    ]
  }

  public static let card = MechanismCard(
    id: "moa-sparse", title: "Mixture of sparse attention", family: .local,
    origin: Citation(
      "MoA: Mixture of Sparse Attention for Automatic Large Language Model Compression",
      arXiv: "2406.14909", year: 2024),
    summary: "Sinks and windows whose lengths follow another linear rule in every head.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic, .causal],
    cost: "tokens (blockSize + alpha + beta tokens) pairs per head")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("blockSize", parameters.blockSize, atLeast: 1)
    try Self.require("alphaLeast", parameters.alphaLeast, atLeast: 0)
    try Self.require("alphaMost", parameters.alphaMost, atLeast: parameters.alphaLeast)
    guard 0 <= parameters.betaLeast, parameters.betaLeast <= parameters.betaMost,
      parameters.betaMost <= 1
    else {
      throw .outOfRange(
        parameter: "betaMost", value: "\(parameters.betaMost)",
        rule: "0 <= betaLeast <= betaMost <= 1 must hold; betaLeast is \(parameters.betaLeast)")
    }
    self.parameters = parameters
    self.shape = shape
    let size = parameters.blockSize
    let blocks = (shape.keyLength + size - 1) / size
    heads = HeadPatterns(
      perHead: (0..<shape.queryHeads).map { head in
        let recent = max(Self.recentBlocks(parameters, head, shape, blocks: blocks), 1)
        let first = (0..<blocks).map { Array(Set([0] + (max($0 - recent + 1, 0)...$0))) }
        let table = BlockTable(queryBlock: size, keyBlock: size, rows: first)
        return HeadPattern(.intersection([.blocks(table), .sequence(shape)]))
      }, shape: shape)
  }

  /// Blocks in the span of `head`, its own included.
  private static func recentBlocks(
    _ parameters: Parameters, _ head: Int, _ shape: AttentionShape, blocks: Int
  ) -> Int {
    let place = shape.queryHeads > 1 ? Double(head) / Double(shape.queryHeads - 1) : 0
    let alpha =
      Double(parameters.alphaLeast)
      + place * Double(parameters.alphaMost - parameters.alphaLeast)
    let beta = parameters.betaLeast + place * (parameters.betaMost - parameters.betaLeast)
    return Int(alpha / Double(parameters.blockSize) + beta * Double(blocks))
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let size = parameters.blockSize
    let blocks = (shape.keyLength + size - 1) / size
    return problem.mapHeads { head, _, queryHead in
      // The span is the mechanism's parameter, derived once; the mask below is stated apart.
      let recent = Self.recentBlocks(parameters, queryHead, shape, blocks: blocks)
      return SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        let distance = query / size - key / size
        return key <= query && (key < size || distance == 0 || distance < recent)
      }
    }
  }
}
