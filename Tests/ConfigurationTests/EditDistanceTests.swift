// SPDX-License-Identifier: MIT

import Configuration
import Testing

struct EditDistanceTests {
  @Test func distancesCountEdits() {
    for (first, second, distance) in [
      ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("abc", "abc", 0),
      ("ab", "ba", 1), ("window", "widnow", 1), ("abcd", "badc", 2),
    ] {
      #expect(EditDistance.between(first, second) == distance, "\(first) \(second)")
      #expect(EditDistance.between(second, first) == distance, "\(second) \(first)")
    }
  }

  @Test func theNearestWordIsOneThatCouldBeMeant() {
    let known = ["window", "stride", "dilation", "topK", "k"]
    #expect(EditDistance.nearest(to: "windw", among: known) == "window")
    #expect(EditDistance.nearest(to: "dialtion", among: known) == "dilation")
    #expect(EditDistance.nearest(to: "TOPK", among: known) == "topK")
    #expect(EditDistance.nearest(to: "temperature", among: known) == nil)
    #expect(EditDistance.nearest(to: "x", among: []) == nil)
    #expect(EditDistance.nearest(to: String(repeating: "w", count: 10_000), among: known) == nil)
    // Case decides between words that are otherwise the same.
    #expect(EditDistance.nearest(to: "MIB", among: ["mib", "MiB", "mIb"]) == "MiB")
  }
}
