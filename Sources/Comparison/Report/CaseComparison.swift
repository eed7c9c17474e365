// SPDX-License-Identifier: MIT

import AttentionCore
import ResultStore

/// One case of two runs, side by side.
public struct CaseComparison: Hashable, Codable, Sendable {
  public var caseID: String
  public var mechanism: String
  public var family: MechanismFamily
  public var coverage: CaseCoverage
  public var time: ConfirmedTime?
  /// Quantities without noise; empty where a side has no record.
  public var quantities: [QuantityJudgement]
  /// The command that repeats this case alone.
  public var command: String

  public init(
    caseID: String, mechanism: String, family: MechanismFamily, coverage: CaseCoverage,
    time: ConfirmedTime? = nil, quantities: [QuantityJudgement] = [], command: String
  ) {
    self.caseID = caseID
    self.mechanism = mechanism
    self.family = family
    self.coverage = coverage
    self.time = time
    self.quantities = quantities
    self.command = command
  }

  /// Exact quantities that grew by more than they may.
  public var exactRegressions: [QuantityJudgement] {
    quantities.filter { $0.verdict == .slower }
  }

  /// Whether anything of this case is a confirmed change for the worse.
  public var isRegression: Bool { time?.verdict == .slower || !exactRegressions.isEmpty }
}

/// How far the comparison of one case came.
public enum CaseCoverage: Hashable, Sendable {
  case compared
  /// The case does not fit this machine, by either side's own words.
  case skipped(reason: String)
  /// A side does not know the mechanism, a parameter or the case.
  case unsupported(reason: String)
  /// A kernel is wrong, or counted work differs from planned work.
  case failed(reason: String)
  /// A process ended unexpectedly, or its times cannot be used.
  case broken(reason: String)
  /// The time limit came first.
  case notReached

  /// The word that stands for this in files.
  public var word: String {
    switch self {
    case .compared: "compared"
    case .skipped: "skipped"
    case .unsupported: "unsupported"
    case .failed: "failed"
    case .broken: "broken"
    case .notReached: "notReached"
    }
  }

  public var reason: String? {
    switch self {
    case .compared: nil
    case .notReached: "the time limit came first"
    case .skipped(let reason), .unsupported(let reason), .failed(let reason), .broken(let reason):
      reason
    }
  }
}

extension CaseCoverage: Codable {
  private enum CodingKeys: String, CodingKey {
    case state, reason
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let word = try container.decode(String.self, forKey: .state)
    let reason = try container.decodeIfPresent(String.self, forKey: .reason) ?? "no reason given"
    switch word {
    case "compared": self = .compared
    case "skipped": self = .skipped(reason: reason)
    case "unsupported": self = .unsupported(reason: reason)
    case "failed": self = .failed(reason: reason)
    case "broken": self = .broken(reason: reason)
    case "notReached": self = .notReached
    default:
      throw DecodingError.dataCorruptedError(
        forKey: .state, in: container, debugDescription: "there is no coverage '\(word)'")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(word, forKey: .state)
    try container.encodeIfPresent(reason, forKey: .reason)
  }
}
