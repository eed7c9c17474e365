// SPDX-License-Identifier: MIT

import Foundation
import Statistics

/// What one round of measurement says about the time of a case.
public struct TimeJudgement: Hashable, Codable, Sendable {
  /// Time of head / time of base.
  public var ratio: Double
  /// Its confidence interval.
  public var interval: Interval
  public var verdict: Verdict
  /// Change of the ratio that matters for this case, as a share.
  public var threshold: Double
  /// p-value of the hypothesis that the change does not matter.
  public var pValue: Double
  /// ``pValue`` corrected for the number of cases; nil until all are known.
  public var qValue: Double?
  /// Median time of base [ns].
  public var baseNanoseconds: Double
  /// Median time of head [ns].
  public var headNanoseconds: Double
  /// What the times of both sides were divided by; nil where they were interleaved.
  public var yardstick: String?
  /// Processes on the side that has fewer.
  public var processes: Int
  /// Pairs that the interval rests on, on the side that has fewer.
  public var pairs: Int
  /// Share of all pairs that something else disturbed.
  public var disturbedShare: Double
  /// Why the interval may not hold what it says, in words that follow "but"; nil if it does.
  public var doubt: String?

  /// Judges `evidence`; nil if it holds no usable pair.
  public init?(_ evidence: TimeEvidence, policy: ComparisonPolicy) {
    let estimate: ResampledEstimate
    let sides: [PairSelection]
    switch evidence {
    case .interleaved(let pairs):
      guard let side = PairSelection(pairs, isSymmetric: true, policy: policy) else { return nil }
      sides = [side]
      estimate = policy.bootstrap.estimate(of: side.sample, loneDeviation: policy.loneDeviation)
      baseNanoseconds = Self.median(pairs.flatMap(\.denominators))
      headNanoseconds = Self.median(pairs.flatMap(\.numerators))
      yardstick = nil
    case .chained(let base, let head, let yardstick):
      guard let first = PairSelection(base, isSymmetric: false, policy: policy),
        let second = PairSelection(head, isSymmetric: false, policy: policy)
      else { return nil }
      sides = [first, second]
      estimate = policy.bootstrap.difference(
        of: second.sample, minus: first.sample, loneDeviation: policy.loneDeviation)
      baseNanoseconds = Self.median(base.flatMap(\.numerators))
      headNanoseconds = Self.median(head.flatMap(\.numerators))
      self.yardstick = yardstick
    }
    let bound = policy.timeThreshold(near: baseNanoseconds)
    ratio = exp(estimate.value)
    interval = Interval(
      exp(estimate.interval.lower), exp(estimate.interval.upper))
    verdict = Verdict(logInterval: estimate.interval, threshold: bound)
    threshold = expm1(bound)
    pValue = estimate.pValue(within: bound)
    processes = sides.map(\.sample.groups.count).min() ?? 0
    pairs = sides.map(\.sample.count).min() ?? 0
    doubt = sides.compactMap(\.doubt).first
    let all = evidence.processes
    let total = all.reduce(0) { $0 + $1.numerators.count }
    disturbedShare = Double(all.reduce(0) { $0 + $1.disturbed }) / Double(max(total, 1))
  }

  /// Whether the interval is so wide that four times as many processes would hardly decide.
  ///
  /// From 5 processes to 20 an interval shrinks by a factor of 3; to lie within the threshold on both
  /// sides it must become as wide as two thresholds.
  public var isDrowned: Bool { log(interval.upper / interval.lower) > 8 * log1p(threshold) }

  private static func median(_ values: [Double]) -> Double {
    (try? Sample(values))?.median ?? .nan
  }
}
