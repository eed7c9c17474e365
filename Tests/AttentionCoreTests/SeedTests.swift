// SPDX-License-Identifier: MIT

import AttentionCore
import Testing

@Suite struct SeedTests {
  /// Steele, Lea and Flood's generator from seed 1234567; the values are those of its authors.
  @Test func splitMixGivesItsPublishedSequence() {
    var generator = SplitMix64(seed: Seed(1_234_567))
    #expect(
      (0..<3).map { _ in generator.next() } == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      ])
  }

  @Test func streamsAreNamedAndIndependentOfOrder() {
    let root = Seed(5)
    #expect(root.child("query") == root.child("query"))
    #expect(root.child("query") != root.child("key"))
    #expect(root.child("query") != Seed(6).child("query"))
  }

  @Test func normalsHaveMeanZeroAndVarianceOne() {
    var generator = SplitMix64(seed: Seed(1))
    let values = (0..<100_000).map { _ in Double(generator.normal()) }
    let mean = values.reduce(0, +) / 100_000
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 100_000
    // Four standard errors of 100,000 draws.
    #expect(abs(mean) < 0.013)
    #expect(abs(variance - 1) < 0.018)
    #expect(values.allSatisfy { abs($0) <= 6 })
  }
}
