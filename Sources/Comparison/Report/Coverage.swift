// SPDX-License-Identifier: MIT

/// How many of the planned cases could be compared, and what became of the others.
public struct Coverage: Hashable, Codable, Sendable {
  public var planned = 0
  public var compared = 0
  public var skipped = 0
  public var unsupported = 0
  public var failed = 0
  public var broken = 0
  public var notReached = 0

  public init(_ cases: [CaseComparison]) {
    planned = cases.count
    for item in cases {
      switch item.coverage {
      case .compared: compared += 1
      case .skipped: skipped += 1
      case .unsupported: unsupported += 1
      case .failed: failed += 1
      case .broken: broken += 1
      case .notReached: notReached += 1
      }
    }
  }

  /// The share of the cases that both sides know and that fit this machine.
  ///
  /// 0 if there is no such case: nothing was compared then.
  public var share: Double {
    let possible = planned - skipped - unsupported
    return possible > 0 ? Double(compared) / Double(possible) : 0
  }

  /// One line, such as `12 planned: 10 compared, 2 skipped`.
  public var text: String {
    let parts = [
      (compared, "compared"), (skipped, "skipped"), (unsupported, "unsupported"),
      (failed, "failed"), (broken, "broken"), (notReached, "not reached"),
    ].filter { $0.0 > 0 || $0.1 == "compared" }.map { "\($0.0) \($0.1)" }
    return "\(planned) planned: " + parts.joined(separator: ", ")
  }
}
