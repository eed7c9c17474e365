// SPDX-License-Identifier: MIT

import CFFTW

/// How transforms are planned, for the whole process.
public enum FourierPlanning {
  /// Makes every later plan the same in every process: candidates are no longer timed.
  ///
  /// Timed plans differ from run to run in their instructions and in the last bits of their
  /// results; counting needs equal ones, at the price of speed.
  public static func makeRepeatable() {
    // Without time to measure, the library keeps the plan that it estimates to be best.
    fftwf_set_timelimit(0)
  }
}
