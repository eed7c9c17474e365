// SPDX-License-Identifier: MIT

/// Numbered reasons below a report's tables; the same reason has the same number.
struct Footnotes {
  private(set) var reasons: [String] = []
  private var numbers: [String: Int] = [:]

  /// The number of `reason`, given out at its first use.
  mutating func number(of reason: String) -> Int {
    if let number = numbers[reason] { return number }
    reasons.append(reason)
    numbers[reason] = reasons.count
    return reasons.count
  }
}
