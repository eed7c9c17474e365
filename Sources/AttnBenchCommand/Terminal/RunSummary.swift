// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import SuiteRunner

/// How far a run came and where its time went, in a few lines.
struct RunSummary {
  let outcome: SuiteRun.Outcome
  let spent: PhaseReadings

  /// Cases by outcome; unfit ones are measured ones too.
  var coverage: [String: Int] {
    var counts: [String: Int] = ["planned": outcome.records.count + outcome.unreached]
    for record in outcome.records { counts[record.status.word, default: 0] += 1 }
    counts["unfit"] = unfit
    counts["unreached"] = outcome.unreached
    return counts
  }

  private var unfit: Int { outcome.records.count { $0.timing.value?.isUnfit == true } }

  var lines: [String] {
    var lines = [time]
    if unfit > 0 {
      lines.append(
        "\(unfit) cases are unfit for a verdict: the interval of their speed-up is wider than "
          + "\(Int(TimingRecord.widestInterval * 100)) %; give them more rounds or a quieter machine"
      )
    }
    return lines
  }

  /// Such as `Time: 182 s, 93 % of it timed or verified work; the rest: inputs 3 %, probe 2 %`.
  private var time: String {
    let wall = String(format: "%.1f s", spent.wallSeconds)
    let purpose = Self.percent(1 - spent.overheadShare)
    let rest = spent.seconds.filter { !$0.key.isPurpose }
      .map { (name: $0.key.rawValue, share: $0.value / max(spent.wallSeconds, 1e-9)) }
      .filter { $0.share >= 0.005 }.sorted { ($1.share, $0.name) < ($0.share, $1.name) }
      .map { "\($0.name) \(Self.percent($0.share))" }
    return "Time: \(wall), \(purpose) of it timed or verified work"
      + (rest.isEmpty ? "" : "; the rest: " + rest.joined(separator: ", "))
  }

  private static func percent(_ share: Double) -> String {
    String(format: "%.0f %%", share * 100)
  }
}
