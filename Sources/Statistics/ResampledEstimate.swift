// SPDX-License-Identifier: MIT

/// An estimate with its bootstrap distribution.
public struct ResampledEstimate: Hashable, Sendable {
  /// The estimate from the sample itself.
  public let value: Double
  /// The same from every resample, ascending.
  public let draws: [Double]
  /// The interval between the percentiles of the draws.
  public let interval: Interval

  init(value: Double, draws: [Double], confidence: Double) {
    let sorted = draws.sorted()
    let tail = (1 - confidence) / 2
    self.value = value
    self.draws = sorted
    interval = Interval(
      Sample.quantile(tail, ofSorted: sorted), Sample.quantile(1 - tail, ofSorted: sorted))
  }

  /// The p-value, two-sided, of the hypothesis that the true value lies within `-bound ... bound`.
  ///
  /// Twice the share of draws that do not lie beyond the bound on the estimate's side, the estimate
  /// itself counted as a draw that does not: at least `2 / (draws + 1)` and at most 1. It is below
  /// 0.05 just when the 95 % interval lies beyond the bound, up to the rounding of a percentile.
  public func pValue(within bound: Double) -> Double {
    let bound = abs(bound)
    let within = draws.count { value < 0 ? $0 >= -bound : $0 <= bound }
    return min(1, 2 * Double(within + 1) / Double(draws.count + 1))
  }
}
