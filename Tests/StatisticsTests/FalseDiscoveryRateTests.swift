// SPDX-License-Identifier: MIT

import Statistics
import Testing

struct FalseDiscoveryRateTests {
  @Test func qValuesMatchThePublishedProcedure() {
    // scipy.stats.false_discovery_control on the same values.
    let qValues = FalseDiscoveryRate.qValues(of: [0.04, 0.01, 0.03, 0.01, 1])
    for (value, expected) in zip(qValues, [0.05, 0.025, 0.05, 0.025, 1]) {
      // One product and one quotient.
      #expect(abs(value - expected) < 1e-15)
    }
  }

  @Test func qValuesKeepTheOrderAndAreNeverBelowThePValues() {
    var generator = ResamplingGenerator(seed: 2)
    let pValues = (0..<50).map { _ in Double(generator.index(below: 1000)) / 1000 }
    let qValues = FalseDiscoveryRate.qValues(of: pValues)
    for (left, p) in pValues.enumerated() {
      #expect(qValues[left] >= p && qValues[left] <= 1)
      for (right, other) in pValues.enumerated() where p < other {
        #expect(qValues[left] <= qValues[right])
      }
    }
  }

  @Test func oneTestNeedsNoCorrectionAndNoneGivesNone() {
    #expect(FalseDiscoveryRate.qValues(of: [0.03]) == [0.03])
    #expect(FalseDiscoveryRate.qValues(of: []) == [])
  }
}
