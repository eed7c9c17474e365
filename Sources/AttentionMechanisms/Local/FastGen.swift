// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Causal attention in which every head takes the cheapest of five masks that keeps its weights.
///
/// The masks, each with the keys of the one before it: the first `special` tokens; punctuation; the
/// frequent keys, `frequentShare` of the sequence; the latest keys, `localShare` of it; everything.
/// A head takes the first one that keeps at least `recovery` of the weights of the last
/// `sampledRows` queries, as a mean over them; its frequent keys have the largest sums of these
/// weights. Which tokens are punctuation is drawn from `seed`, a share `punctuationShare` of them.
/// Tensors are those of ``Flash``; causal self-attention.
///
/// - Requires: `special >= 1`, `sampledRows >= 1`, shares in 0...1, otherwise ``init(_:shape:)``
///   throws ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on the mask that a head takes; a recovery above 1 is causal dense attention. The
///   choice looks at the last queries, so it is not causal; the paper sums weights over the rows of
///   a whole prompt.
///
/// Source: Ge et al., *Model Tells You What to Discard* (2023), arXiv:2310.01801, section 3.
public struct FastGen: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var special = 4
    public var punctuationShare = 0.1
    public var frequentShare = 0.3
    public var localShare = 0.3
    public var recovery = 0.95
    public var sampledRows = 32
    public var seed = 0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("special", \.special, "First tokens, which every mask keeps."),
      ParameterField(
        "punctuationShare", \.punctuationShare, "Share of tokens that are punctuation."),
      ParameterField(
        "frequentShare", \.frequentShare, "Share of the sequence that is frequent keys."),
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
    summary: "Each head takes the cheapest of five masks that keeps 95 % of its weights.",
    patterns: [.causalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "from tokens special to tokens^2 / 2 pairs, and sampledRows tokens headDim to choose")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let isPunctuation: [Bool]
  private let frequentCount: Int
  private let window: Int
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("special", parameters.special, atLeast: 1)
    try Self.require("sampledRows", parameters.sampledRows, atLeast: 1)
    for (name, share) in [
      ("punctuationShare", parameters.punctuationShare),
      ("frequentShare", parameters.frequentShare), ("localShare", parameters.localShare),
    ] where !(0...1).contains(share) {
      throw .outOfRange(parameter: name, value: "\(share)", rule: "it must lie in 0...1")
    }
    let length = shape.queryLength
    var generator = SplitMix64(
      seed: Seed(UInt64(bitPattern: Int64(parameters.seed))).child("fastgen/punctuation"))
    let isPunctuation = (0..<length).map { _ in
      Double(generator.uniform()) < parameters.punctuationShare
    }
    self.parameters = parameters
    self.shape = shape
    self.isPunctuation = isPunctuation
    frequentCount = Int(parameters.frequentShare * Double(length))
    window = max(Int(parameters.localShare * Double(length)), 1)
    heads = Self.heads(
      parameters, isPunctuation: isPunctuation, frequentCount: frequentCount, window: window,
      shape: shape)
  }

  private static func heads(
    _ parameters: Parameters, isPunctuation: [Bool], frequentCount: Int, window: Int,
    shape: AttentionShape
  ) -> HeadPatterns {
    let length = shape.queryLength
    let special = KeyPattern.keys(0..<parameters.special)
    let marks = KeyPattern.classes(
      TokenClasses(
        queries: [Int](repeating: 0, count: length), keys: isPunctuation.map { $0 ? 0 : -1 }))
    let local = KeyPattern.band(from: 1 - window, to: nil)
    let complete = KeyPattern.sequence(shape)
    // All others are in the mask anyway.
    let among = (0..<length).filter { $0 >= parameters.special && !isPunctuation[$0] }
      .map { $0..<$0 + 1 }
    func mask(_ keys: [KeyPattern], frequentUpTo last: Int? = nil) -> HeadPattern {
      HeadPattern(
        .intersection([.union(keys), complete]),
        frequent: last.map { FrequentKeys(visible: .band(from: nil, to: $0), among: among) })
    }
    return HeadPatterns(
      candidates: [
        mask([special]), mask([special, marks]), mask([special, marks], frequentUpTo: 0),
        mask([special, marks, local], frequentUpTo: -window), mask([.all]),
      ],
      choice: HeadChoice(
        rule: .firstKeeping(share: parameters.recovery),
        queries: Array(max(length - parameters.sampledRows, 0)..<length), complete: complete,
        frequentCount: frequentCount),
      shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  /// Attention under the masks at hand, or under those chosen in Double.
  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let weights = weights(head)
      let frequent = flags(
        problem.selection.map { listed($0, head: index) } ?? highest(columns(weights)))
      let chosen =
        problem.selection?.blocks(head: index, row: 0).first ?? best(shares(weights, frequent))
      return SoftmaxReference.attend(head, scale: shape.softmaxScale) {
        allows($0, $1, mask: chosen, frequent: frequent)
      }
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    guard let selection = problem.selection else { return ["no selection was made"] }
    var defects: [String] = []
    _ = problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let weights = weights(head)
      let frequent = listed(selection, head: index)
      defects += frequencyDefects(frequent, columns(weights)).map { "head \(index) \($0)" }
      let shares = shares(weights, flags(frequent))
      let chosen = selection.blocks(head: index, row: 0).first ?? -1
      // Shares of Float32 weights: rounding of a score up to 100 moves a weight by 1e-5.
      let isLate = shares.prefix(max(chosen, 0)).contains { $0 > parameters.recovery + 1e-4 }
      let isEarly =
        chosen < 4 && (chosen < 0 || shares[chosen] < parameters.recovery - 1e-4)
      if isLate || isEarly {
        defects.append("head \(index) chose mask \(chosen), the masks keep \(shares)")
      }
      return Rows(count: 0, width: 0)
    }
    return defects
  }

  /// The frequent keys of a selection, which has no row for none.
  private func listed(_ selection: Selection, head: Int) -> [Int] {
    frequentCount > 0 ? selection.blocks(head: head, row: 1) : []
  }

  /// What is wrong with a list of frequent keys; of nearly equal sums either may be listed.
  private func frequencyDefects(_ keys: [Int], _ columns: [Double]) -> [String] {
    guard keys.count == frequentCount, zip(keys, keys.dropFirst()).allSatisfy({ $0 < $1 }),
      keys.allSatisfy(columns.indices.contains)
    else { return ["lists \(keys.count) frequent keys, not \(frequentCount) in order"] }
    let isFrequent = flags(keys)
    let least = keys.map { columns[$0] }.min() ?? .infinity
    let most = columns.indices.filter { !isFrequent[$0] }.map { columns[$0] }.max() ?? 0
    // As for shares.
    guard least < most * (1 - 1e-4) else { return [] }
    return ["calls a key of weight \(least) frequent and one of \(most) not"]
  }

  private func best(_ shares: [Double]) -> Int {
    shares.firstIndex { $0 >= parameters.recovery } ?? 4
  }

  /// The weights of the sampled rows, each up to its own key.
  private func weights(_ head: ReferenceHead) -> [[Double]] {
    (max(shape.queryLength - parameters.sampledRows, 0)..<shape.queryLength).map { query in
      let scores = (0...query).map { shape.softmaxScale * head.query.dot(query, head.key, $0) }
      let highest = scores.max() ?? 0
      let weights = scores.map { Double.exp($0 - highest) }
      let all = weights.reduce(0, +)
      return weights.map { $0 / all }
    }
  }

  /// The sum of the weights of every key.
  private func columns(_ weights: [[Double]]) -> [Double] {
    weights.reduce(into: [Double](repeating: 0, count: shape.keyLength)) { sums, row in
      for (key, weight) in row.enumerated() { sums[key] += weight }
    }
  }

  /// The keys of the largest sums; of equal ones the first.
  private func highest(_ columns: [Double]) -> [Int] {
    let order = columns.indices.sorted { (-columns[$0], $0) < (-columns[$1], $1) }
    return order.prefix(frequentCount).sorted()
  }

  private func flags(_ keys: [Int]) -> [Bool] {
    keys.reduce(into: [Bool](repeating: false, count: shape.keyLength)) { flags, key in
      if flags.indices.contains(key) { flags[key] = true }
    }
  }

  /// The share of the weights that each mask keeps, as a mean over the sampled rows.
  private func shares(_ weights: [[Double]], _ frequent: [Bool]) -> [Double] {
    (0..<5).map { mask in
      weights.reduce(0) { sum, row in
        let query = row.count - 1
        return row.indices.reduce(sum) {
          $0 + (allows(query, $1, mask: mask, frequent: frequent) ? row[$1] : 0)
        }
      } / Double(weights.count)
    }
  }

  private func allows(_ query: Int, _ key: Int, mask: Int, frequent: [Bool]) -> Bool {
    key <= query
      && (mask == 4 || key < parameters.special || mask >= 1 && isPunctuation[key]
        || mask >= 2 && frequent[key] || mask >= 3 && query - key < window)
  }
}
