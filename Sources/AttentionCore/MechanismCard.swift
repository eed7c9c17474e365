// SPDX-License-Identifier: MIT

/// What is known about a mechanism before it meets a shape.
public struct MechanismCard: Sendable {
  /// Lower-case id; history keys on it, so it never changes.
  public let id: String
  public let title: String
  public let family: MechanismFamily
  public let origin: Citation
  /// The idea in one or two sentences.
  public let summary: String
  public let inputs: InputKind
  public let patterns: Set<AttentionPattern>
  public let exactness: Exactness
  /// Formats of the defaults whose products no CPU has, so that only their accuracy is real here.
  public let emulated: [String]
  public let laws: Set<MechanismLaw>
  /// Operations and memory of one head, as a formula.
  public let cost: String

  public init(
    id: String, title: String, family: MechanismFamily, origin: Citation, summary: String,
    inputs: InputKind = .queryKeyValue, patterns: Set<AttentionPattern>, exactness: Exactness,
    emulated: [String] = [], laws: Set<MechanismLaw>, cost: String
  ) {
    self.id = id
    self.title = title
    self.family = family
    self.origin = origin
    self.summary = summary
    self.inputs = inputs
    self.patterns = patterns
    self.exactness = exactness
    self.emulated = emulated
    self.laws = laws
    self.cost = cost
  }

  /// The card of a preset: what is known of the mechanism, under a name of its own.
  public func renamed(
    id: String, title: String, origin: Citation, summary: String
  ) -> MechanismCard {
    MechanismCard(
      id: id, title: title, family: family, origin: origin, summary: summary, inputs: inputs,
      patterns: patterns, exactness: exactness, emulated: emulated, laws: laws, cost: cost)
  }

  /// How the result relates to dense attention, and what is emulated on the way to it.
  public var kind: String {
    emulated.isEmpty
      ? exactness.rawValue
      : "\(exactness.rawValue), \(emulated.joined(separator: " and ")) emulated"
  }
}

/// The paper that a mechanism comes from.
public struct Citation: Hashable, Sendable, Codable {
  public let title: String
  /// arXiv number such as `2504.16922`, if there is one.
  public let arXiv: String?
  public let year: Int?

  public init(_ title: String, arXiv: String? = nil, year: Int? = nil) {
    self.title = title
    self.arXiv = arXiv
    self.year = year
  }
}

/// The folder a mechanism's file stands in.
public enum MechanismFamily: String, Hashable, Sendable, Codable, CaseIterable {
  case exact = "Exact"
  case local = "Local"
  case blockSelect = "BlockSelect"
  case lowBit = "LowBit"
  case decode = "Decode"
  case linear = "Linear"
  case scan = "Scan"
  case longConvolution = "LongConvolution"
  case spectral = "Spectral"
}

/// Order and origin of queries and keys that a mechanism can serve.
public enum AttentionPattern: String, Hashable, Sendable, Codable, CaseIterable, Comparable {
  case noncausalSelf = "noncausal self"
  case causalSelf = "causal self"
  case noncausalCross = "noncausal cross"
  case causalCross = "causal cross"

  /// The pattern that `shape` asks for; unequal lengths count as cross.
  public init(of shape: AttentionShape) {
    switch (shape.isCausal, shape.isSelfAttention) {
    case (false, true): self = .noncausalSelf
    case (true, true): self = .causalSelf
    case (false, false): self = .noncausalCross
    case (true, false): self = .causalCross
    }
  }

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// How a mechanism's result relates to dense softmax attention.
public enum Exactness: String, Hashable, Sendable, Codable {
  /// Equal to rounding.
  case exact
  /// Equal to rounding on the pairs that its mask allows.
  case maskedExact = "masked-exact"
  /// The same formula on quantised operands.
  case quantised
  /// Another formula.
  case approximate
}

/// A property that the contract tests check on every mechanism that declares it.
public enum MechanismLaw: String, Hashable, Sendable, Codable, CaseIterable {
  /// A constant value tensor is reproduced.
  case rowStochastic
  /// Permuted heads give permuted outputs.
  case headEquivariant
  /// A future key changes nothing, in causal patterns.
  case causal
}
