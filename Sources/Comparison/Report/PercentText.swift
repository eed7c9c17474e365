// SPDX-License-Identifier: MIT

import Foundation

/// Shares, ratios and durations as they are printed.
public enum PercentText {
  /// A share with two significant digits at most below 10 %, such as `5 %` or `0.12 %`.
  public static func plain(_ share: Double) -> String {
    guard share.isFinite else { return "n/a" }
    let percent = share * 100
    return (abs(percent) < 0.995 ? String(format: "%.2g", percent) : trimmed(percent)) + " %"
  }

  /// The change that a ratio means, with its sign, such as `+5.1 %`.
  public static func change(_ ratio: Double) -> String {
    guard ratio.isFinite else { return "n/a" }
    return String(format: "%+.2f %%", (ratio - 1) * 100)
  }

  /// A time in the unit that fits it, such as `3.42 ms`.
  public static func duration(_ nanoseconds: Double) -> String {
    guard nanoseconds.isFinite else { return "n/a" }
    for (limit, unit) in [(1e3, "ns"), (1e6, "us"), (1e9, "ms")] where nanoseconds < limit {
      return String(format: "%.3g ", nanoseconds / limit * 1e3) + unit
    }
    return String(format: "%.3g s", nanoseconds * 1e-9)
  }

  private static func trimmed(_ percent: Double) -> String {
    let text = String(format: "%.1f", percent)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}

extension TimeJudgement {
  /// The change with its interval, such as `+5.10 % (+4.90 % ... +5.31 %)`.
  public var changeText: String {
    PercentText.change(ratio) + " (" + PercentText.change(interval.lower) + " ... "
      + PercentText.change(interval.upper) + ")"
  }
}

extension QuantityJudgement {
  /// Name and values, such as `tiles visited 120 -> 128`.
  public var changeText: String {
    "\(name) \(Self.number(base)) -> \(Self.number(head))"
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15
      ? String(format: "%.0f", value) : String(format: "%.3g", value)
  }
}
