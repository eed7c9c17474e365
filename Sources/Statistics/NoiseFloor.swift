// SPDX-License-Identifier: MIT

import RealModule

/// What comparisons of a program with itself tell about a machine: all ratios should be 1.
public struct NoiseFloor: Hashable, Codable, Sendable {
  /// Comparisons made.
  public let count: Int
  /// Mean distance of the ratios from 1, as a share: 0.001 is 0.1 %.
  public let meanError: Double
  /// Largest distance of a ratio from 1, as a share.
  public let worstError: Double
  /// Width of the widest interval, as a share.
  public let widestInterval: Double
  /// Comparisons whose interval does not hold 1; one in twenty is expected at 95 %.
  public let missesOfOne: Int
  /// The smallest change whose interval excludes 1 in at least 95 of 100 repetitions, as a share.
  ///
  /// The half width of the widest interval plus the one-sided 95 % quantile of the errors.
  public let smallestChange: Double

  /// Summarises A/A comparisons, given as logarithms of ratios.
  ///
  /// - Throws: `emptySample` without a comparison.
  public init(of comparisons: [ResampledEstimate]) throws(StatisticsError) {
    guard !comparisons.isEmpty else { throw .emptySample }
    count = comparisons.count
    let errors = comparisons.map { Double.expMinusOne(abs($0.value)) }
    meanError = errors.reduce(0, +) / Double(count)
    worstError = errors.max() ?? 0
    let widest = comparisons.map(\.interval.width).max() ?? 0
    widestInterval = Double.expMinusOne(widest)
    missesOfOne = comparisons.count { !$0.interval.contains(0) }
    let squares = comparisons.reduce(0) { $0 + $1.value * $1.value }
    // The true value is known to be 0, so the root mean square is the deviation.
    let deviation = (squares / Double(count)).squareRoot()
    // 90 % within both bounds is 95 % on one side.
    let oneSided = StudentT.bound(share: 0.9, degrees: count)
    smallestChange = Double.expMinusOne(widest / 2 + oneSided * deviation)
  }
}
