// SPDX-License-Identifier: MIT

/// What a comparison of two runs says about one quantity of one case.
public enum Verdict: String, Hashable, Sendable, Codable, CaseIterable {
  /// The whole interval of the ratio lies beyond the threshold, on the good side.
  case faster
  /// The whole interval of the ratio lies beyond the threshold, on the bad side.
  case slower
  /// The whole interval of the ratio lies within the threshold.
  case same
  /// The interval crosses a threshold: more pairs are needed to tell.
  case ambiguous
}
