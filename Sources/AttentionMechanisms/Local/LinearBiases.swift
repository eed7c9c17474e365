// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Causal softmax attention whose scores fall linearly with the distance, at another rate per head.
///
/// `slope (j - i)` is added to the scaled score of query `i` and key `j`. Slopes are
/// `2^(-8 (h + 1) / heads)` where `heads` is a power of two; otherwise those of the next lower power
/// of two, followed by every second slope of the next higher one. Tensors are those of ``Flash``.
///
/// - Note: Exact; position bias included.
///
/// Source: Press, Smith and Lewis, *Train Short, Test Long: Attention with Linear Biases* (2021),
/// arXiv:2108.12409, section 3.
public struct LinearBiases: AttentionMechanism {
  public static let card = MechanismCard(
    id: "alibi", title: "Attention with linear biases", family: .local,
    origin: Citation(
      "Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation",
      arXiv: "2108.12409", year: 2021),
    summary: "Causal attention with a penalty that grows linearly with the distance.",
    patterns: [.causalSelf, .causalCross], exactness: .approximate,
    laws: [.rowStochastic, .causal],
    cost: "2 pairs (headDim + valueDim) operations, pairs exponentials")

  public let parameters: NoParameters
  private let shape: AttentionShape
  private let heads: HeadPatterns

  public init(_ parameters: NoParameters, shape: AttentionShape) throws(MechanismError) {
    self.parameters = parameters
    self.shape = shape
    let slopes = Self.slopes(heads: shape.queryHeads)
    heads = HeadPatterns(
      perHead: slopes.map { HeadPattern(.sequence(shape), bias: .linear(slope: $0)) },
      shape: shape)
  }

  private static func slopes(heads: Int) -> [Double] {
    let lower = 1 << (Int.bitWidth - 1 - heads.leadingZeroBitCount)
    let own = (1...lower).map { Double.exp2(-8 * Double($0) / Double(lower)) }
    guard lower < heads else { return own }
    let finer = stride(from: 1, to: 2 * lower, by: 2).map {
      Double.exp2(-8 * Double($0) / Double(2 * lower))
    }
    return own + finer.prefix(heads - lower)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, queryHead in
      let slope = referenceSlope(queryHead)
      return SoftmaxReference.attend(
        head, scale: shape.softmaxScale,
        bias: { query, key in -slope * Double(query + shape.causalOffset - key) },
        allows: { SoftmaxReference.allows(shape, query: $0, key: $1) })
    }
  }

  /// The slope of a head as a power of the ratio of its geometric sequence.
  private func referenceSlope(_ head: Int) -> Double {
    var power = 1
    while power * 2 <= shape.queryHeads { power *= 2 }
    let ratio = Double.pow(2, -8 / Double(power))
    return head < power
      ? Double.pow(ratio, head + 1) : Double.pow(ratio.squareRoot(), 2 * (head - power) + 1)
  }
}
