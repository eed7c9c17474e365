// SPDX-License-Identifier: MIT

import Comparison
import Statistics
import Testing

struct VerdictTests {
  @Test("a verdict is written as its name")
  func verdictsAreWrittenAsNames() {
    #expect(Verdict.allCases.map(\.rawValue) == ["faster", "slower", "same", "ambiguous"])
  }

  @Test func theWholeIntervalDecides() {
    let cases: [(Double, Double, Verdict)] = [
      (0.031, 0.08, .slower), (0.03, 0.08, .ambiguous), (-0.03, 0.03, .same),
      (-0.031, 0, .ambiguous), (-0.5, 0.5, .ambiguous), (-0.2, -0.031, .faster),
      (-0.2, -0.03, .ambiguous), (0, 0, .same), (0.029, 0.031, .ambiguous),
    ]
    for (lower, upper, verdict) in cases {
      #expect(Verdict(logInterval: Interval(lower, upper), threshold: 0.03) == verdict)
    }
  }

  @Test func anExactQuantityHasNoAmbiguousWord() {
    for quantity in ComparedQuantity.allCases {
      #expect(quantity.word(.slower) != quantity.word(.faster))
      #expect(quantity.word(.same) == "SAME")
    }
    #expect(ComparedQuantity.error.word(.slower) == "LESS EXACT")
    #expect(ComparedQuantity.memory.word(.slower) == "BIGGER")
  }

  @Test func smallTimesHaveAWiderThreshold() {
    let policy = ComparisonPolicy()
    // 3 % of 1 ms is 30 us; 20 us are 10 % of 200 us.
    #expect(abs(policy.timeThreshold(near: 1e6) - 0.029_558_8) < 1e-6)
    #expect(abs(policy.timeThreshold(near: 2e5) - 0.095_310_2) < 1e-6)
    #expect(policy.timeThreshold(near: 0).isFinite)
  }
}
