// SPDX-License-Identifier: MIT

import Measurement
import Statistics

/// What share of the multiply-add peak an alternative reached, by peaks read around each sample.
package struct PeakShare {
  /// Median of rate over peak, sample by sample.
  package let share: Double
  /// Median of the peaks of those samples [op/s].
  package let peak: Double
  /// Samples behind both.
  package let count: Int

  /// Samples that a median needs; with fewer on a core of their own, all samples count.
  package static let fewest = 5

  /// The share of `products` operations per call; nil where no peak was read.
  ///
  /// Samples whose core somebody else's thread shared are left out, as long as ``fewest`` remain:
  /// the peak beside them, a loop of few instructions, does not show what that costs a kernel.
  package init?(_ samples: [TimedSample], products: Double) {
    let read = samples.filter { ($0.multiplyAddRate ?? 0) > 0 && $0.nanosecondsPerCall > 0 }
    let own = read.filter { !$0.isCoreShared }
    let used = own.count >= Self.fewest ? own : read
    let shares = used.map { sample in
      products / (sample.nanosecondsPerCall * 1e-9) / (sample.multiplyAddRate ?? .infinity)
    }
    guard let share = try? Sample(shares),
      let peak = try? Sample(used.map { $0.multiplyAddRate ?? 0 })
    else { return nil }
    self.share = share.median
    self.peak = peak.median
    count = used.count
  }
}
