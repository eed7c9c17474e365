// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

/// Suites whose cases take a few hundredths of a second.
enum TinySuite {
  /// A suite of `count` cases, all different.
  static func text(cases count: Int) -> String {
    let cases = (0..<count).map { index in
      """
        - shapes: { heads: 1, length: \(16 + index), headDim: 16, causal: true }
          mechanisms: flash

      """
    }
    return """
      suite: tiny
      seed: 5
      machines: [h100]
      timing: { target: 90 %, minimumRounds: 2, maximumRounds: 2, timePerCase: 10 ms }
      cases:

      """ + cases.joined()
  }
}

extension CaseRecord {
  /// Everything in a record that does not depend on when and how fast it was made.
  var timeless: CaseRecord {
    var copy = self
    copy.timing = .absent(reason: "not compared")
    copy.counters = []
    copy.memory.peakResidentBytes = .absent(reason: "not compared")
    copy.execution.startedAt = ""
    copy.execution.conditions = [:]
    copy.phases = nil
    copy.metrics = nil
    return copy
  }
}
