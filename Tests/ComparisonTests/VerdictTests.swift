// SPDX-License-Identifier: MIT

import Comparison
import Testing

@Test("a verdict is written as its name")
func verdictsAreWrittenAsNames() {
  #expect(Verdict.allCases.map(\.rawValue) == ["faster", "slower", "same", "ambiguous"])
}
