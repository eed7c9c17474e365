// SPDX-License-Identifier: MIT

/// How scores decide which blocks are kept.
public struct BlockRule: Hashable, Sendable {
  public enum Measure: Hashable, Sendable {
    /// The highest scores, as many.
    case top(Int)
    /// The shortest descending prefix that holds at least this share of all scores, one at least.
    case mass(Double)
    /// The longest descending prefix that holds at most this share of all scores, one at least.
    case massWithin(Double)
    /// Scores above this share of all scores.
    case above(Double)
  }

  /// Which scores compete with each other.
  public enum Scope: String, Hashable, Sendable, Codable, ParameterChoice {
    /// Those of one row unit.
    case row
    /// Those of one block, over all row units.
    case block
    /// All scores of one list head.
    case head
    /// All scores of one batch entry.
    case overall
  }

  public let measure: Measure
  public let scope: Scope
  /// Whether forced blocks count towards the measure and are no candidates; otherwise they compete
  /// like all others and are added afterwards.
  public let forcedTakePlaces: Bool

  public init(_ measure: Measure, scope: Scope = .row, forcedTakePlaces: Bool = true) {
    self.measure = measure
    self.scope = scope
    self.forcedTakePlaces = forcedTakePlaces
  }
}
