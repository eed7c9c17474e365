// SPDX-License-Identifier: MIT

import Foundation
import Statistics

/// How much `flash`, by which the other times are divided, changed between two sides.
///
/// A faster `flash` makes every other ratio look slower. Its time over that of the multiply-add peak
/// beside it tells; the median over all cases, since the peak is measured but twice per case.
package struct YardstickShift {
  /// `log` of the change; 0 where nothing is known.
  package let logRatio: Double

  init(base: StoredRuns, head: StoredRuns) {
    let shifts = base.caseIDs.compactMap { id -> Double? in
      guard let before = base.flashAtPeak(of: id), let after = head.flashAtPeak(of: id) else {
        return nil
      }
      return after - before
    }
    self.init(shifts: shifts)
  }

  /// The median of the logarithms of the changes that single cases show.
  package init(shifts: [Double]) {
    logRatio = (try? Sample(shifts))?.median ?? 0
  }

  package func matters(_ policy: ComparisonPolicy) -> Bool {
    abs(logRatio) > log1p(policy.timeDelta)
  }

  package var text: String {
    "the yardstick itself changed: flash takes " + PercentText.change(exp(logRatio))
      + " of time against the multiply-add peak, so ratios to it cannot show a regression; "
      + "compare the two builds with 'attnbench ab'"
  }

  /// Takes a slower or faster verdict back if the yardstick moved by as much.
  package func temper(_ time: inout ConfirmedTime, policy: ComparisonPolicy) {
    guard matters(policy), time.verdict == .slower || time.verdict == .faster else { return }
    time.withhold("the yardstick flash changed by " + PercentText.change(exp(logRatio)))
  }
}
