// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Causal attention in chunks whose keys are shifted by a distance that depends on the head.
///
/// With chunks of `chunkLength` tokens, queries of chunk `c` see the keys
/// `[c chunkLength - s, (c + 1) chunkLength - s)` up to themselves. `fixed`: `s` is half a chunk in the
/// second half of the heads and 0 in the first. `flow`: head `h` shifts by `h chunkLength / heads`.
/// `dilated`: instead of chunks, query `i` of head `h` sees itself and the keys `j < i` with
/// `(i - j + h) mod dilation == 0`. Tensors are those of ``Flash``; causal self-attention.
///
/// - Requires: `chunkLength >= 1` and `dilation >= 1`, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask. Queries late in a shifted chunk do not see themselves; causality is
///   imposed by original positions.
///
/// Source: Guo, *SCCA: Shifted Cross Chunk Attention for long contextual semantic expansion* (2023),
/// arXiv:2312.07305.
public struct ShiftedChunks: AttentionMechanism {
  public enum Shift: String, ParameterChoice {
    case fixed, flow, dilated
  }

  public struct Parameters: MechanismParameters {
    public var chunkLength = 1024
    public var shift = Shift.fixed
    public var dilation = 8

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("chunkLength", \.chunkLength, "Tokens per chunk."),
      ParameterField("shift", \.shift, "How keys are shifted from head to head."),
      ParameterField("dilation", \.dilation, "dilated: distance between keys of a query."),
    ]
  }

  public static let card = MechanismCard(
    id: "scca", title: "Shifted cross chunk attention", family: .local,
    origin: Citation(
      "SCCA: Shifted Cross Chunk Attention for long contextual semantic expansion",
      arXiv: "2312.07305", year: 2023),
    summary: "Causal attention in chunks whose keys are shifted by a head-dependent distance.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.causal],
    cost: "at most tokens chunkLength pairs")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("chunkLength", parameters.chunkLength, atLeast: 1)
    try Self.require("dilation", parameters.dilation, atLeast: 1)
    self.parameters = parameters
    self.shape = shape
    let tokens = 0..<shape.queryLength
    heads = HeadPatterns(
      perHead: (0..<shape.queryHeads).map { head in
        let seen: KeyPattern
        var order = QueryOrder.sequence
        if parameters.shift == .dilated {
          let dilation = parameters.dilation
          let residues = tokens.map { $0 % dilation }
          order = .classes(residues)
          seen = .union([
            .band(from: 0, to: 0),
            .classes(
              TokenClasses(queries: tokens.map { ($0 + head) % dilation }, keys: residues)),
          ])
        } else {
          let shift = Self.shift(parameters, head, of: shape.queryHeads)
          seen = .classes(
            TokenClasses(
              queries: tokens.map { $0 / parameters.chunkLength },
              keys: tokens.map { ($0 + shift) / parameters.chunkLength }))
        }
        return HeadPattern(.intersection([seen, .sequence(shape)]), order: order)
      }, shape: shape)
  }

  private static func shift(_ parameters: Parameters, _ head: Int, of heads: Int) -> Int {
    parameters.shift == .flow
      ? head * parameters.chunkLength / heads
      : head < heads - heads / 2 ? 0 : parameters.chunkLength / 2
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let size = parameters.chunkLength
    return problem.mapHeads { head, _, queryHead in
      let shift = Self.shift(parameters, queryHead, of: shape.queryHeads)
      return SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        guard key <= query else { return false }
        if parameters.shift == .dilated {
          return key == query || (query - key + queryHead) % parameters.dilation == 0
        }
        let first = query / size * size - shift
        return key >= first && key < first + size
      }
    }
  }
}
