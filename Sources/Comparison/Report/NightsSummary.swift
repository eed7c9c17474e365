// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

/// What repeated nights without a change, and nights with a planted one, say about a gate.
public struct NightsSummary: Hashable, Codable, Sendable {
  /// One night and what was planted in it.
  public struct Night: Hashable, Codable, Sendable {
    public var name: String
    /// The case that was slowed down; nil for a night without a change.
    public var plantedCase: String?
    public var report: ComparisonReport

    public init(name: String, plantedCase: String?, report: ComparisonReport) {
      self.name = name
      self.plantedCase = plantedCase
      self.report = report
    }

    /// Cases in which nothing was planted.
    var unchanged: [CaseComparison] { report.cases.filter { $0.caseID != plantedCase } }

    var planted: CaseComparison? { report.cases.first { $0.caseID == plantedCase } }

    /// Whether the gate turned red for the planted case.
    var isCaught: Bool {
      report.outcome.kind == .regression && planted?.time?.verdict == .slower
    }

    var falselySlower: Int { unchanged.count { $0.time?.verdict == .slower } }

    /// Width of the widest final interval of a case without a change, as a share.
    var widestInterval: Double {
      unchanged.compactMap { $0.time?.last.interval.width }.max() ?? .nan
    }

    /// Largest distance from 1 of a final ratio of a case without a change, as a share.
    var worstError: Double {
      unchanged.compactMap { $0.time.map { abs($0.last.ratio - 1) } }.max() ?? .nan
    }
  }

  public let nights: [Night]

  public init(_ nights: [Night]) { self.nights = nights }

  private var quiet: [Night] { nights.filter { $0.plantedCase == nil } }
  private var planted: [Night] { nights.filter { $0.plantedCase != nil } }

  /// Verdicts on cases without a change.
  public var verdicts: Int { nights.reduce(0) { $0 + $1.unchanged.count { $0.time != nil } } }

  /// SLOWER verdicts in nights without a change.
  public var falseSlower: Int { quiet.reduce(0) { $0 + $1.falselySlower } }

  /// SLOWER verdicts on the other cases of nights with a planted change.
  public var falseSlowerBesidePlanted: Int { planted.reduce(0) { $0 + $1.falselySlower } }

  /// Nights in which a control failed.
  public var unfit: Int { nights.count { $0.report.outcome.kind == .unfit } }

  public var inconclusive: Int { nights.count { $0.report.outcome.kind == .inconclusive } }

  public var caught: Int { planted.count { $0.isCaught } }

  /// The widest interval of a case in a night without a change, as a share.
  public var widestInterval: Double {
    quiet.map(\.widestInterval).filter { !$0.isNaN }.max() ?? .nan
  }

  /// A line per night and the counts.
  public var text: String {
    let rows = nights.map { night in
      [
        night.name, night.report.outcome.word,
        night.report.seconds.map { String(format: "%.1f s", $0) } ?? "n/a",
        "\(night.falselySlower)", PercentText.plain(night.worstError),
        PercentText.plain(night.widestInterval),
        night.planted?.time.map {
          "\(ComparedQuantity.time.word($0.verdict)) \($0.last.changeText)"
        } ?? "",
        night.plantedCase ?? "",
      ]
    }
    let table = ComparisonTable(
      columns: [
        "night", "outcome", "time", "false SLOWER", "worst error", "widest interval",
        "planted case found", "planted in",
      ], rows: rows)
    let longest = nights.compactMap(\.report.seconds).max() ?? .nan
    return table.plain() + "\n"
      + """
      A/A nights: \(quiet.count); false SLOWER: \(falseSlower)
      nights with a planted slowdown: \(planted.count); caught: \(caught); false SLOWER beside it: \
      \(falseSlowerBesidePlanted)
      UNFIT: \(unfit) of \(nights.count); INCONCLUSIVE: \(inconclusive)
      verdicts on unchanged cases: \(verdicts)
      widest A/A interval: \(PercentText.plain(widestInterval))
      longest night: \(String(format: "%.1f s", longest))

      """
  }
}
