// SPDX-License-Identifier: MIT

import Foundation
import Measurement

/// The self-test of a machine in sentences, or as JSON.
enum NoiseText {
  static func text(_ reports: [NoiseReport], threads: Int) -> String {
    let workers = threads == 1 ? "1 thread" : "\(threads) threads"
    return reports.map { paragraph($0, workers) }.joined(separator: "\n") + "\n"
      + conclusion(reports)
  }

  private static func paragraph(_ report: NoiseReport, _ workers: String) -> String {
    let microseconds = (report.trials.last?.nanosecondsPerCall ?? 0) * 1e-3
    return """
      \(report.name), \(workers), \(number(microseconds)) us a call; \(report.trials.count) trials
        Two equal kernels, timed as \(report.pairs) adjacent pairs, seem to differ by \
      \(percent(report.paired.mean)) on average and \(percent(report.paired.worst)) at worst.
        Medians of two separate runs seem to differ by \(percent(report.separate.mean)) on average \
      and \(percent(report.separate.worst)) at worst.
        The smallest change that \(report.pairs) pairs can see: \
      \(percent(report.smallestVisibleChange)). Separate runs: \
      \(percent(report.smallestSeparateChange)).
        False alarms: \(report.falseAlarms) of \(report.trials.count) intervals leave out the \
      truth; 1 in 20 is expected.
        Disturbed samples: \(percent(report.disturbedShare)).

      """
  }

  private static func conclusion(_ reports: [NoiseReport]) -> String {
    let visible = reports.map(\.smallestVisibleChange).max() ?? 0
    let sentence =
      "On this machine a comparison of \(reports.first?.pairs ?? 0) pairs in one process can see a "
      + "change of \(percent(visible)) or more.\n"
    guard reports.contains(where: { !$0.isFit }) else { return sentence }
    return sentence
      + "That is more than the \(Int(NoiseReport.soughtChange * 100)) % that matter: the machine is "
      + "unfit now. Stop other programs, or use fewer --threads than CPUs.\n"
  }

  static func json(_ reports: [NoiseReport], threads: Int) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    let document = Document(threads: threads, loads: reports.map(Load.init))
    return String(decoding: try encoder.encode(document), as: UTF8.self)
  }

  private struct Document: Encodable {
    let schema = "attnbench/1"
    let kind = "noise"
    let threads: Int
    let loads: [Load]
  }

  /// The report with its conclusions, which readers of the file should not have to repeat.
  private struct Load: Encodable {
    let report: NoiseReport
    let paired: NoiseReport.Errors
    let separate: NoiseReport.Errors
    let smallestVisibleChange: Double
    let smallestSeparateChange: Double
    let falseAlarms: Int
    let disturbedShare: Double
    let isFit: Bool

    init(_ report: NoiseReport) {
      self.report = report
      paired = report.paired
      separate = report.separate
      smallestVisibleChange = report.smallestVisibleChange
      smallestSeparateChange = report.smallestSeparateChange
      falseAlarms = report.falseAlarms
      disturbedShare = report.disturbedShare
      isFit = report.isFit
    }
  }

  private static func percent(_ share: Double) -> String { number(share * 100) + " %" }

  /// Two digits that count.
  private static func number(_ value: Double) -> String {
    value >= 100 ? String(format: "%.0f", value) : String(format: "%.2g", value)
  }
}
