// SPDX-License-Identifier: MIT

import RealModule

/// Quantiles of Student's t distribution and of the normal one.
public enum StudentT {
  /// The bound `t` with `P(|T| <= t) = share`.
  ///
  /// Source: Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964), 26.7.3 and 26.7.4,
  /// inverted by bisection of the angle.
  ///
  /// - Requires: `share` strictly between 0 and 1, `degrees` at least 1.
  public static func bound(share: Double, degrees: Int) -> Double {
    precondition(degrees >= 1, "a deviation needs a degree of freedom")
    // Beyond this the two distributions agree to three digits.
    guard degrees <= 1000 else { return normalBound(share: share) }
    let angle = solve(share, below: .pi / 2) { Self.share(angle: $0, degrees: degrees) }
    return Double.tan(angle) * Double(degrees).squareRoot()
  }

  /// The bound `z` with `P(|Z| <= z) = share` for a standard normal Z.
  ///
  /// - Requires: `share` strictly between 0 and 1.
  public static func normalBound(share: Double) -> Double {
    solve(share, below: 40) { Double.erf($0 / 2.0.squareRoot()) }
  }

  /// `P(|T| <= tan(angle) sqrt(degrees))`.
  private static func share(angle: Double, degrees: Int) -> Double {
    let sine = Double.sin(angle)
    let cosine = Double.cos(angle)
    let isOdd = degrees % 2 == 1
    var term = isOdd ? cosine : 1
    var sum = degrees == 1 ? 0 : term
    for step in stride(from: isOdd ? 3 : 2, to: degrees, by: 2) {
      term *= cosine * cosine * Double(step - 1) / Double(step)
      sum += term
    }
    return isOdd ? 2 / .pi * (angle + sine * sum) : sine * sum
  }

  /// The argument between 0 and `limit` at which an increasing function has the value `target`.
  private static func solve(
    _ target: Double, below limit: Double, _ function: (Double) -> Double
  ) -> Double {
    precondition(target > 0 && target < 1, "a share lies between 0 and 1")
    var low = 0.0
    var high = limit
    // Each step halves the bracket; 60 leave less than the spacing of doubles.
    for _ in 0..<60 {
      let middle = low + (high - low) / 2
      if function(middle) < target { low = middle } else { high = middle }
    }
    return low + (high - low) / 2
  }
}
