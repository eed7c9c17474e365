// SPDX-License-Identifier: MIT

import Foundation
import Statistics

/// From which size on a change matters, and how sure a verdict must be.
public struct ComparisonPolicy: Hashable, Codable, Sendable {
  /// Relative change of a time that matters.
  public var timeDelta = 0.03
  /// Relative change of an exact instruction count that matters.
  public var instructionDelta = 0.005
  /// Relative change of a number of bytes that matters.
  public var memoryDelta = 0.05
  /// Relative change of an error that matters: another order of sums moves rounding errors by less.
  public var errorDelta = 0.25
  /// Differences of times below this never matter [ns].
  public var floorNanoseconds = 20_000.0
  /// Confidence of intervals.
  public var confidence = 0.95
  /// Times that a case is measured at most; a slower one must be seen slower twice.
  public var rounds = 3
  /// Whether pairs of which other work disturbed one partner alone take part as well, and whatever
  /// side they are on.
  public var takesLopsidedPairs = false
  /// Deviation of the logarithm of one process's ratio about the true one, for one or two processes.
  ///
  /// Where a side has more, their own deviation is used instead.
  public var loneDeviation = 0.01
  /// Smallest share of the cases that can be compared and must have been.
  public var minimumCoverage = 0.9
  /// Seed of the resampling.
  public var seed: UInt64 = 0

  public init() {}

  /// The bound on `|log ratio|` of times near `nanoseconds` below which a change does not matter.
  public func timeThreshold(near nanoseconds: Double) -> Double {
    log1p(max(timeDelta, floorNanoseconds / max(nanoseconds, 1)))
  }

  var bootstrap: HierarchicalBootstrap {
    HierarchicalBootstrap(confidence: confidence, seed: seed)
  }
}
