// SPDX-License-Identifier: MIT

/// Measurements in groups: the values that each of several processes gave.
///
/// Values of one process share its memory layout and its moment and so resemble each other more
/// than values of different processes do.
public struct NestedSample: Hashable, Sendable {
  /// At least one group, in the order taken.
  public let groups: [Sample]

  /// Takes over `groups`, leaving out empty ones.
  ///
  /// - Throws: `emptySample` if nothing is left, `notFinite` for NaN and infinity.
  public init(_ groups: [[Double]]) throws(StatisticsError) {
    var samples: [Sample] = []
    for group in groups where !group.isEmpty { samples.append(try Sample(group)) }
    guard !samples.isEmpty else { throw .emptySample }
    self.groups = samples
  }

  /// Number of values in all groups.
  public var count: Int { groups.reduce(0) { $0 + $1.count } }

  /// The mean of the medians of the groups.
  ///
  /// The median ignores single disturbed values; the mean uses every process.
  public var centre: Double {
    groups.reduce(0) { $0 + $1.median } / Double(groups.count)
  }

  /// The standard deviation of the medians of the groups; nil for a single group.
  public var deviationOfGroups: Double? {
    guard groups.count > 1 else { return nil }
    let centre = centre
    let squares = groups.reduce(0) { sum, group in
      let distance = group.median - centre
      return sum + distance * distance
    }
    return (squares / Double(groups.count - 1)).squareRoot()
  }
}
