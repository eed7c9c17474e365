// SPDX-License-Identifier: MIT

/// A simulated figure beside the one that others published for the same problem.
public struct PublishedFigure: Codable, Hashable, Sendable {
  /// Such as `worstTileBound`.
  public var name: String
  public var simulated: Quantity
  /// As it was printed: its digits say how far it was rounded.
  public var published: String
  /// Speed-ups that others measured, by machine; a bound is not expected to equal them.
  public var measured: [String: Double]

  public init(
    name: String, simulated: Quantity, published: String, measured: [String: Double] = [:]
  ) {
    self.name = name
    self.simulated = simulated
    self.published = published
    self.measured = measured
  }

  /// Simulated minus published.
  public var difference: Quantity {
    guard let number = Double(published) else {
      return .absent(reason: "'\(published)' is not a number")
    }
    return simulated.map { $0 - number }
  }

  /// Whether the simulated figure rounds to the published one.
  public var isReproduced: Bool {
    guard let difference = difference.value else { return false }
    // Half a unit of the last digit, and room for that half not being a binary fraction.
    return difference.magnitude <= 0.5 * lastDigit + 1e-9
  }

  /// The unit of the last printed digit, such as 0.01 for `3.27`.
  private var lastDigit: Double {
    guard let point = published.firstIndex(of: ".") else { return 1 }
    let decimals = published.distance(from: point, to: published.endIndex) - 1
    return (0..<decimals).reduce(1.0) { unit, _ in unit / 10 }
  }
}
