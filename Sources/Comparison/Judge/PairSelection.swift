// SPDX-License-Identifier: MIT

import Statistics

/// The pairs of one side that a judgement rests on.
///
/// A pair of which other work disturbed one partner alone is left out: its ratio is that of the
/// disturbance. Turns are in random order, so that this hits either partner alike and shifts nothing;
/// where it does not hit them alike, that is a doubt. A pair with two disturbed partners, or none,
/// stays; how far such ratios scatter shows between the processes and is in the interval.
struct PairSelection {
  let sample: NestedSample
  /// Why the interval may not hold what it says; nil if it does.
  let doubt: String?

  /// Takes the even pairs of each process, or all of them where those are fewer than half.
  ///
  /// `isSymmetric` says that equal work is on both sides of a pair, so that disturbances should be,
  /// too. Nil without a usable pair.
  init?(_ processes: [PairedTimes], isSymmetric: Bool, policy: ComparisonPolicy) {
    let chosen = processes.map { process in
      let all = process.logRatios
      let even = policy.takesLopsidedPairs ? all : process.evenLogRatios
      return even.count * 2 >= all.count ? even : all
    }
    guard let sample = try? NestedSample(chosen) else { return nil }
    self.sample = sample
    guard !policy.takesLopsidedPairs else {
      doubt = nil
      return
    }
    doubt =
      isSymmetric
      ? Self.imbalance(processes)
      : Self.shortage(processes)
  }

  /// A doubt if one side was disturbed alone more often than chance explains.
  private static func imbalance(_ processes: [PairedTimes]) -> String? {
    let top = processes.reduce(0) { sum, process in
      sum + process.lopsided.intersection(process.disturbedNumerators).count
    }
    let bottom = processes.reduce(0) { $0 + $1.lopsided.count } - top
    // A fair coin strays by more than three standard deviations once in 370 times.
    let difference = top - bottom
    guard difference * difference > 9 * (top + bottom) else { return nil }
    return "other work disturbed one side alone in \(max(top, bottom)) pairs and the other in "
      + "\(min(top, bottom))"
  }

  /// A doubt if most processes have few even pairs: a yardstick of another length is disturbed more
  /// or less often, and nothing shows that both sides met the same.
  private static func shortage(_ processes: [PairedTimes]) -> String? {
    let short = processes.count { $0.evenLogRatios.count * 2 < $0.logRatios.count }
    guard short * 2 > processes.count else { return nil }
    return "other work disturbed the time or the yardstick alone in most pairs of \(short) of "
      + "\(processes.count) processes"
  }
}
