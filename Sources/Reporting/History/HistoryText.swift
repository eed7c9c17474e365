// SPDX-License-Identifier: MIT

import Comparison
import Foundation
import ResultStore

/// Numbers and rows of a history as tables show them.
public enum HistoryText {
  /// The unit in which all `values` of a metric are shown, and its factor.
  public static func unit(of metric: HistoryMetric, _ values: [Double]) -> (
    name: String, factor: Double
  ) {
    switch metric.unit {
    case "ns":
      let unit = ColumnUnit.duration(nanoseconds: values)
      return (unit.name, unit.factor)
    case "byte":
      let unit = ColumnUnit.bytes(values)
      return (unit.name, unit.factor)
    default: return (metric.unit, 1)
    }
  }

  /// A value with four digits, as changes of a few per cent are what a history is read for; a count
  /// with all of them.
  public static func value(_ value: Double, of metric: HistoryMetric, factor: Double) -> String {
    if factor == 1, value.magnitude < 1e15, let whole = Int(exactly: value) {
      return NumberText.count(whole)
    }
    let scaled = value / factor
    return scaled.magnitude >= 1000 && scaled.magnitude < 1e6
      ? String(format: "%.0f", scaled) : NumberText.fourDigits(scaled)
  }

  /// `+5.2 %` of a ratio, or what became of a zero.
  public static func change(_ ratio: Double?) -> String {
    guard let ratio else { return "from 0" }
    let percent = (ratio - 1) * 100
    if percent.magnitude >= 1000 { return String(format: "x%.4g", ratio) }
    return String(format: percent.magnitude < 10 ? "%+.1f %%" : "%+.0f %%", percent)
  }

  /// `2026-01-31 02:00` of a UTC time; unknown times say so.
  public static func night(_ startedAt: String) -> String {
    guard startedAt.count >= 16 else { return "unknown" }
    return String(startedAt.prefix(16)).replacing("T", with: " ")
  }

  /// The first digits of a commit.
  public static func commit(_ commit: String) -> String { String(commit.prefix(10)) }

  /// A sentence for one change, such as `time +5.2 % (9.81 -> 10.3 ms)`.
  public static func sentence(_ change: HistoryChange) -> String {
    let metric = change.key.metric
    let unit = unit(of: metric, [change.before, change.after])
    let levels = [change.before, change.after].map { value($0, of: metric, factor: unit.factor) }
    let name = unit.name == "1" ? "" : " \(unit.name)"
    return "\(metric.name) \(Self.change(change.ratio)) (\(levels[0]) -> \(levels[1])\(name))"
  }
}
