// SPDX-License-Identifier: MIT

import Foundation
import Statistics

/// What trials of a piece of work against itself say about a machine.
public struct NoiseReport: Hashable, Codable, Sendable {
  /// What was timed.
  public let name: String
  /// Pairs behind each verdict.
  public let pairs: Int
  public let trials: [NoiseTrial]

  /// Reports on at least one trial.
  public init(name: String, pairs: Int, trials: [NoiseTrial]) {
    precondition(!trials.isEmpty, "a report needs a trial")
    self.name = name
    self.pairs = pairs
    self.trials = trials
  }

  /// The error of one way to compare, as shares: 0.01 is one percent.
  public struct Errors: Hashable, Codable, Sendable {
    public let mean: Double
    public let worst: Double
  }

  /// Errors of medians of adjacent pairs.
  public var paired: Errors { Self.errors(trials.map(\.pairedError)) }

  /// Errors of medians of separate runs.
  public var separate: Errors { Self.errors(trials.map(\.separateError)) }

  /// Trials whose interval does not hold the truth, which is no difference.
  public var falseAlarms: Int {
    trials.count { trial in trial.pairedInterval.map { !$0.contains(0) } ?? false }
  }

  /// The least change that 19 of 20 comparisons of ``pairs`` pairs would tell from none, a share.
  ///
  /// A change is told from none when the whole interval lies on one side, so it must exceed the
  /// error of the median and half the width of the interval; this is the 95 % quantile of the sum.
  public var smallestVisibleChange: Double {
    let needed = trials.map { trial in
      abs(trial.pairedError) + (trial.pairedInterval?.width ?? 2 * abs(trial.pairedError)) / 2
    }
    return Self.quantile(needed)
  }

  /// The same for medians of separate runs, which have no interval: the quantile of their error.
  public var smallestSeparateChange: Double { Self.quantile(trials.map { abs($0.separateError) }) }

  /// Share of disturbed samples over all trials.
  public var disturbedShare: Double {
    trials.map(\.disturbedShare).reduce(0, +) / Double(trials.count)
  }

  /// The change that a gate looks for, a share.
  public static let soughtChange = 0.03

  /// Whether the machine shows changes as small as ``soughtChange``.
  public var isFit: Bool { smallestVisibleChange <= Self.soughtChange }

  private static func errors(_ logarithms: [Double]) -> Errors {
    let shares = logarithms.map { exp(abs($0)) - 1 }
    return Errors(
      mean: shares.reduce(0, +) / Double(shares.count), worst: shares.max() ?? 0)
  }

  private static func quantile(_ logarithms: [Double]) -> Double {
    guard let sample = try? Sample(logarithms) else { return .infinity }
    return exp(sample.quantile(0.95)) - 1
  }
}
