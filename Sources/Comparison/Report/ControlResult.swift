// SPDX-License-Identifier: MIT

/// A measurement whose right verdict is known beforehand, made beside those of the cases.
public struct ControlResult: Hashable, Codable, Sendable {
  public enum Kind: String, Hashable, Codable, Sendable, CaseIterable {
    /// The base against itself: must be the same.
    case same
    /// The base against itself slowed down by more than matters: must be slower.
    case planted
  }

  public var kind: Kind
  public var caseID: String
  /// Share by which the slowed side was slowed; 0 for ``Kind/same``.
  public var slowdown: Double
  public var time: ConfirmedTime?

  public init(kind: Kind, caseID: String, slowdown: Double, time: ConfirmedTime?) {
    self.kind = kind
    self.caseID = caseID
    self.slowdown = slowdown
    self.time = time
  }

  /// Why the machine could not be trusted when this was measured, or that it was not; or nil.
  public var objection: String? {
    guard let time else { return "the \(kind.rawValue) control on \(caseID) was not measured" }
    switch (kind, time.verdict) {
    case (.same, .same), (.planted, .slower): return nil
    case (.same, .ambiguous):
      return "the base against itself is undecided on \(caseID) after \(time.rounds.count) rounds"
    case (.same, let verdict):
      return "the base against itself looks \(verdict.rawValue) on \(caseID)"
    case (.planted, _):
      let percent = PercentText.plain(slowdown)
      return "a planted slowdown of \(percent) on \(caseID) was not caught"
    }
  }
}
