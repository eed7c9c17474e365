// SPDX-License-Identifier: MIT

import RealModule

/// Ratios of values that were taken side by side, compared through their logarithms.
///
/// The median of log-ratios of adjacent pairs is insensitive to drift that both partners share and
/// treats "twice as slow" and "twice as fast" alike.
public struct PairedRatios: Hashable, Sendable {
  /// `log(numerator / denominator)` of each pair.
  public let logRatios: Sample

  /// Pairs the values at equal positions.
  ///
  /// - Throws: `unpaired` for unequal counts, `emptySample` without a pair, `notFinite` or
  ///   `notPositive` for a value that has no logarithm.
  public init(numerators: [Double], denominators: [Double]) throws(StatisticsError) {
    guard numerators.count == denominators.count else {
      throw .unpaired(numerators: numerators.count, denominators: denominators.count)
    }
    let top = try logarithms(of: numerators)
    let bottom = try logarithms(of: denominators)
    logRatios = try Sample(zip(top, bottom).map { $0 - $1 })
  }

  /// Number of pairs.
  public var count: Int { logRatios.count }

  /// `exp` of the median log-ratio.
  public var median: Double { Double.exp(logRatios.median) }

  /// The interval of the median log-ratio; nil for too few pairs (see ``Bootstrap/minimumCount``).
  public func logInterval(_ bootstrap: Bootstrap = Bootstrap()) -> Interval? {
    bootstrap.medianInterval(of: logRatios)
  }

  /// The interval of ``median``, as ratios; nil for too few pairs.
  public func interval(_ bootstrap: Bootstrap = Bootstrap()) -> Interval? {
    logInterval(bootstrap)?.mapped(Double.exp)
  }
}

/// Natural logarithms of values that must be finite and above zero.
func logarithms(of values: [Double]) throws(StatisticsError) -> [Double] {
  var logarithms: [Double] = []
  logarithms.reserveCapacity(values.count)
  for (index, value) in values.enumerated() {
    guard value.isFinite else { throw .notFinite(index: index) }
    guard value > 0 else { throw .notPositive(index: index, value: value) }
    logarithms.append(Double.log(value))
  }
  return logarithms
}
