// SPDX-License-Identifier: MIT

/// Corrects p-values for the number of things that were tested.
public enum FalseDiscoveryRate {
  /// The q-value of each p-value, in the order given.
  ///
  /// Calling everything with a q-value of at most `q` a discovery makes at most the share `q` of the
  /// discoveries false, on average.
  ///
  /// Source: Benjamini and Hochberg, *Controlling the False Discovery Rate* (1995).
  ///
  /// - Requires: every value lies between 0 and 1.
  public static func qValues(of pValues: [Double]) -> [Double] {
    precondition(pValues.allSatisfy { (0...1).contains($0) }, "a p-value lies between 0 and 1")
    let count = Double(pValues.count)
    // The place breaks ties, so that the order is the same on every platform.
    let order = pValues.indices.sorted { (pValues[$0], $0) < (pValues[$1], $1) }
    var qValues = pValues
    var smallest = 1.0
    for (rank, index) in order.enumerated().reversed() {
      smallest = min(smallest, pValues[index] * (count / Double(rank + 1)))
      qValues[index] = smallest
    }
    return qValues
  }
}
