// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// A symmetric sliding window, dilated if wished, and global tokens at the start.
///
/// A query sees the keys `j` with `|i - j| <= window / 2 * dilation` and `i - j` divisible by
/// `dilation`, and the first `globalTokens` keys; the first `globalTokens` queries see everything.
/// Tensors are those of ``Flash``; bidirectional self-attention.
///
/// - Requires: `window` even and at least 2, `dilation >= 1`, `globalTokens >= 0`, otherwise
///   ``init(_:shape:)`` throws ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask. The paper gives global tokens projections of their own, which do not
///   belong to the operator.
///
/// Source: Beltagy, Peters and Cohan, *Longformer* (2020), arXiv:2004.05150, section 3.
public struct Longformer: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var window = 512
    public var dilation = 1
    public var globalTokens = 1

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("window", \.window, "Keys around a query, half of them on each side."),
      ParameterField("dilation", \.dilation, "Distance between keys of a window."),
      ParameterField("globalTokens", \.globalTokens, "First tokens that see and are seen by all."),
    ]
  }

  public static let card = MechanismCard(
    id: "longformer", title: "Longformer", family: .local,
    origin: Citation("Longformer: The Long-Document Transformer", arXiv: "2004.05150", year: 2020),
    summary: "A symmetric sliding window and a few global tokens.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "tokens (window + 1 + globalTokens) pairs and tokens globalTokens for global queries")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.window >= 2, parameters.window.isMultiple(of: 2) else {
      throw .outOfRange(
        parameter: "window", value: "\(parameters.window)",
        rule: "it must be even and at least 2: half lies on each side")
    }
    try Self.require("dilation", parameters.dilation, atLeast: 1)
    try Self.require("globalTokens", parameters.globalTokens, atLeast: 0)
    self.parameters = parameters
    self.shape = shape
    let reach = parameters.window / 2 * parameters.dilation
    let global = 0..<min(parameters.globalTokens, shape.queryLength)
    let residues = (0..<shape.queryLength).map { $0 % parameters.dilation }
    let band = KeyPattern.band(from: -reach, to: reach)
    let isDilated = parameters.dilation > 1
    heads = HeadPatterns(
      HeadPattern(
        .union([
          isDilated ? .intersection([band, .classes(TokenClasses(residues))]) : band,
          .keys(global), .queries(global),
        ]),
        order: isDilated ? .classes(residues) : .sequence), shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, _ in
      SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        let (steps, rest) = (key - query).quotientAndRemainder(dividingBy: parameters.dilation)
        return min(query, key) < parameters.globalTokens
          || rest == 0 && abs(steps) <= parameters.window / 2
      }
    }
  }
}
