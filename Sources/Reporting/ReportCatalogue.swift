// SPDX-License-Identifier: MIT

import AttentionCore

/// What a report can tell about mechanisms beyond its records: cards, parameters, pictures of masks.
public struct ReportCatalogue: Sendable {
  /// By mechanism id.
  public var facts: [String: MechanismFacts]
  /// By case id: who attends to whom, or why that cannot be drawn.
  public var masks: [String: MaskSource]

  public init(facts: [String: MechanismFacts] = [:], masks: [String: MaskSource] = [:]) {
    self.facts = facts
    self.masks = masks
  }

  /// Masks of one case, or the reason why there is none.
  public enum MaskSource: Sendable {
    /// One per kind of head.
    case pictures([MaskPicture])
    case absent(reason: String)
  }
}

/// The card of a mechanism as a report shows it.
public struct MechanismFacts: Sendable {
  public struct Parameter: Hashable, Sendable {
    public let name: String
    public let defaultText: String
    public let meaning: String

    public init(name: String, defaultText: String, meaning: String) {
      self.name = name
      self.defaultText = defaultText
      self.meaning = meaning
    }
  }

  public let summary: String
  public let paper: Citation
  public let cost: String
  public let parameters: [Parameter]

  public init(card: MechanismCard, parameters: [Parameter]) {
    summary = card.summary
    paper = card.origin
    cost = card.cost
    self.parameters = parameters
  }
}
