// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Causal attention in which every head takes the cheapest of four masks that keeps its weights.
///
/// The masks, each with the keys of the one before it: the first `special` tokens; punctuation; the
/// latest keys, `localShare` of the sequence; everything. A head takes the first one that keeps at
/// least `recovery` of the weights of the last `sampledRows` queries, as a mean over them. Which
/// tokens are punctuation is drawn from `seed`, a share `punctuationShare` of them. Tensors are
/// those of ``Flash``; causal self-attention.
///
/// - Requires: `special >= 1`, `sampledRows >= 1`, shares in 0...1, otherwise ``init(_:shape:)``
///   throws ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on the mask that a head takes; a recovery above 1 is causal dense attention. The
///   paper's further mask of frequent keys depends on the data and is left out. The choice looks at
///   the last queries, so it is not causal.
///
/// Source: Ge et al., *Model Tells You What to Discard* (2023), arXiv:2310.01801, section 3.
public struct FastGen: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var special = 4
    public var punctuationShare = 0.1
    public var localShare = 0.3
    public var recovery = 0.95
    public var sampledRows = 32
    public var seed = 0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("special", \.special, "First tokens, which every mask keeps."),
      ParameterField(
        "punctuationShare", \.punctuationShare, "Share of tokens that are punctuation."),
      ParameterField("localShare", \.localShare, "Share of the sequence that the window keeps."),
      ParameterField("recovery", \.recovery, "Share of the weights that a mask must keep."),
      ParameterField("sampledRows", \.sampledRows, "Last queries by whose rows a head chooses."),
      ParameterField("seed", \.seed, "Seed of the punctuation."),
    ]
  }

  public static let card = MechanismCard(
    id: "fastgen", title: "Adaptive masks per head", family: .local,
    origin: Citation(
      "Model Tells You What to Discard: Adaptive KV Cache Compression for LLMs",
      arXiv: "2310.01801", year: 2023),
    summary: "Each head takes the cheapest of four masks that keeps 95 % of its weights.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "from tokens special to tokens^2 / 2 pairs, and sampledRows tokens headDim to choose")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let isPunctuation: [Bool]
  private let window: Int
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("special", parameters.special, atLeast: 1)
    try Self.require("sampledRows", parameters.sampledRows, atLeast: 1)
    for (name, share) in [
      ("punctuationShare", parameters.punctuationShare), ("localShare", parameters.localShare),
    ] where !(0...1).contains(share) {
      throw .outOfRange(parameter: name, value: "\(share)", rule: "it must lie in 0...1")
    }
    let length = shape.queryLength
    var generator = SplitMix64(
      seed: Seed(UInt64(bitPattern: Int64(parameters.seed))).child("fastgen/punctuation"))
    let isPunctuation = (0..<length).map { _ in
      Double(generator.uniform()) < parameters.punctuationShare
    }
    let window = max(Int(parameters.localShare * Double(length)), 1)
    self.parameters = parameters
    self.shape = shape
    self.isPunctuation = isPunctuation
    self.window = window
    let special = KeyPattern.keys(0..<parameters.special)
    let marks = KeyPattern.classes(
      TokenClasses(
        queries: [Int](repeating: 0, count: length), keys: isPunctuation.map { $0 ? 0 : -1 }))
    let local = KeyPattern.band(from: 1 - window, to: nil)
    let complete = KeyPattern.sequence(shape)
    heads = HeadPatterns(
      candidates: [[special], [special, marks], [special, marks, local], [.all]].map {
        HeadPattern(.intersection([.union($0), complete]))
      },
      choice: HeadChoice(
        rule: .firstKeeping(share: parameters.recovery),
        queries: Array(max(length - parameters.sampledRows, 0)..<length), complete: complete),
      shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  /// Attention under the masks at hand, or under those chosen in Double.
  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let chosen = problem.selection?.blocks(head: index, row: 0).first ?? best(shares(head))
      return SoftmaxReference.attend(head, scale: shape.softmaxScale) {
        allows($0, $1, mask: chosen)
      }
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    guard let selection = problem.selection else { return ["no selection was made"] }
    var defects: [String] = []
    _ = problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let shares = shares(head)
      let chosen = selection.blocks(head: index, row: 0).first ?? -1
      // Shares of Float32 weights: rounding of a score up to 100 moves a weight by 1e-5.
      let isLate = shares.prefix(max(chosen, 0)).contains { $0 > parameters.recovery + 1e-4 }
      let isEarly =
        chosen < 3 && (chosen < 0 || shares[chosen] < parameters.recovery - 1e-4)
      if isLate || isEarly {
        defects.append("head \(index) chose mask \(chosen), the masks keep \(shares)")
      }
      return Rows(count: 0, width: 0)
    }
    return defects
  }

  private func best(_ shares: [Double]) -> Int {
    shares.firstIndex { $0 >= parameters.recovery } ?? 3
  }

  /// The share of the weights that each mask keeps, as a mean over the sampled rows.
  private func shares(_ head: ReferenceHead) -> [Double] {
    let rows = max(shape.queryLength - parameters.sampledRows, 0)..<shape.queryLength
    var sums = [0.0, 0, 0, 0]
    for query in rows {
      let scores = (0...query).map { shape.softmaxScale * head.query.dot(query, head.key, $0) }
      let highest = scores.max() ?? 0
      let weights = scores.map { Double.exp($0 - highest) }
      let all = weights.reduce(0, +)
      for mask in 0..<4 {
        let kept = weights.indices.reduce(0) {
          $0 + (allows(query, $1, mask: mask) ? weights[$1] : 0)
        }
        sums[mask] += kept / all / Double(rows.count)
      }
    }
    return sums
  }

  private func allows(_ query: Int, _ key: Int, mask: Int) -> Bool {
    key <= query
      && (mask == 3 || key < parameters.special || mask >= 1 && isPunctuation[key]
        || mask >= 2 && query - key < window)
  }
}
