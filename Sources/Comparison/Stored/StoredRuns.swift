// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Statistics

/// One side of a comparison: the records of one run, or of several runs of the same cases.
///
/// Several runs are several processes: their differences show what a single run hides.
public struct StoredRuns: Sendable {
  public let name: String
  /// The records of each run.
  public let runs: [[CaseRecord]]

  public init(name: String, runs: [[CaseRecord]]) {
    self.name = name
    self.runs = runs
  }

  /// Every case id once, in order of first mention.
  public var caseIDs: [String] {
    var seen: Set<String> = []
    return runs.flatMap { $0 }.map(\.caseID).filter { seen.insert($0).inserted }
  }

  /// The records of one case, one per run that holds it.
  public func records(of caseID: String) -> [CaseRecord] {
    runs.compactMap { run in run.last { $0.caseID == caseID } }
  }

  /// The record that stands for a case where there is no noise: the latest one.
  public func record(of caseID: String) -> CaseRecord? { records(of: caseID).last }

  /// The mechanism over its yardstick, one entry per run that timed the case.
  ///
  /// The yardstick is `flash` beside it; for `flash` itself the multiply-add peak beside it.
  public func pairs(of caseID: String) -> [PairedTimes] {
    records(of: caseID).compactMap { record in
      Yardstick(of: record) == .peak
        ? PairedTimes(timeAtPeakOf: record) : PairedTimes(speedUpOf: record)
    }
  }

  /// The root mean square of the deviations between runs over all cases; nil below three degrees
  /// of freedom.
  package var deviationOfRuns: Double? {
    var squares = 0.0
    var degrees = 0
    for caseID in caseIDs {
      guard let sample = try? NestedSample(pairs(of: caseID).map(\.logRatios)),
        let deviation = sample.deviationOfGroups
      else { continue }
      squares += deviation * deviation * Double(sample.groups.count - 1)
      degrees += sample.groups.count - 1
    }
    return degrees >= 3 ? (squares / Double(degrees)).squareRoot() : nil
  }

  /// The logarithm of the time of `flash` over that of a billion operations at the peak beside it.
  package func flashAtPeak(of caseID: String) -> Double? {
    let values = records(of: caseID).compactMap { record -> Double? in
      guard let timing = record.publishableTiming.value,
        let flash = timing.alternative(.flashBaseline).value,
        let peak = timing.adjacentPeakGigaflopsPerSecond.value, peak > 0,
        flash.medianNanoseconds > 0
      else { return nil }
      return log(flash.medianNanoseconds * peak / 1e9)
    }
    return (try? Sample(values))?.median
  }
}

/// What a time is divided by before it is compared with that of another day.
public enum Yardstick: String, Hashable, Codable, Sendable {
  /// `flash` in f32 at the same sizes, timed in adjacent samples.
  case flash
  /// The Float32 multiply-add peak, timed beside the case.
  case peak

  public init(of record: CaseRecord) { self.init(mechanism: record.mechanism.id) }

  public init(mechanism id: String) { self = id == "flash" ? .peak : .flash }

  public var title: String {
    switch self {
    case .flash: "flash beside it"
    case .peak: "multiply-add peak beside it"
    }
  }
}
