// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Two factors of causal attention that together reach every earlier token.
///
/// `strided`: the first factor sees the `stride` latest keys, the second every `stride`-th key before
/// the query. `fixed`: the first sees the query's own block of `stride` tokens, the second the last
/// `summaryKeys` keys of every block. Heads alternate between the factors, or each sees both
/// (`merged`). Tensors are those of ``Flash``; causal self-attention.
///
/// - Requires: `stride >= 1` and `summaryKeys` in 1...stride, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask. A query of the second `fixed` factor that has no earlier summary key
///   gives a row of zeros.
///
/// Source: Child et al., *Generating Long Sequences with Sparse Transformers* (2019),
/// arXiv:1904.10509, section 4.
public struct SparseTransformer: AttentionMechanism {
  public enum Factors: String, ParameterChoice {
    case strided, fixed
  }

  public enum Heads: String, ParameterChoice {
    case alternating, merged
  }

  public struct Parameters: MechanismParameters {
    public var factors = Factors.strided
    public var stride = 128
    public var summaryKeys = 8
    public var heads = Heads.merged

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("factors", \.factors, "The pair of factors."),
      ParameterField("stride", \.stride, "Length of the local factor."),
      ParameterField(
        "summaryKeys", \.summaryKeys, "fixed: keys per block that all later queries see."),
      ParameterField("heads", \.heads, "Whether heads alternate between factors or see both."),
    ]
  }

  public static let card = MechanismCard(
    id: "sparse-transformer", title: "Sparse Transformer", family: .local,
    origin: Citation(
      "Generating Long Sequences with Sparse Transformers", arXiv: "1904.10509", year: 2019),
    summary: "A local and a strided factor of causal attention, which together reach every token.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.causal],
    cost: "tokens (stride + tokens / (2 stride)) pairs, merged")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("stride", parameters.stride, atLeast: 1)
    guard (1...parameters.stride).contains(parameters.summaryKeys) else {
      throw .outOfRange(
        parameter: "summaryKeys", value: "\(parameters.summaryKeys)",
        rule: "it must lie in 1...\(parameters.stride), the stride")
    }
    self.parameters = parameters
    self.shape = shape
    let factors = Self.factors(parameters, length: shape.queryLength)
    heads = HeadPatterns(
      perHead: (0..<shape.queryHeads).map { head in
        let seen: KeyPattern =
          parameters.heads == .merged ? .union(factors) : factors[head % 2]
        return HeadPattern(.intersection([seen, .sequence(shape)]))
      }, shape: shape)
  }

  private static func factors(_ parameters: Parameters, length: Int) -> [KeyPattern] {
    let stride = parameters.stride
    switch parameters.factors {
    case .strided:
      return [
        .band(from: 1 - stride, to: 0), .classes(TokenClasses((0..<length).map { $0 % stride })),
      ]
    case .fixed:
      let summaries = Swift.stride(from: stride, through: length + stride, by: stride).map {
        $0 - parameters.summaryKeys..<$0
      }
      return [
        .classes(TokenClasses((0..<length).map { $0 / stride })),
        .union(summaries.map { .keys($0) }),
      ]
    }
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, queryHead in
      SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        let factors = [isLocal(query, key), isRemote(query, key)]
        let allowed =
          parameters.heads == .merged ? factors.contains(true) : factors[queryHead % 2]
        return key <= query && allowed
      }
    }
  }

  private func isLocal(_ query: Int, _ key: Int) -> Bool {
    parameters.factors == .strided
      ? query - key < parameters.stride : query / parameters.stride == key / parameters.stride
  }

  private func isRemote(_ query: Int, _ key: Int) -> Bool {
    parameters.factors == .strided
      ? (query - key) % parameters.stride == 0
      : key % parameters.stride >= parameters.stride - parameters.summaryKeys
  }
}
