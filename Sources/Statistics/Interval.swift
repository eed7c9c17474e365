// SPDX-License-Identifier: MIT

/// A confidence interval.
public struct Interval: Hashable, Codable, Sendable {
  /// The lower end.
  public let lower: Double
  /// The upper end.
  public let upper: Double

  /// The interval between two ends, given in either order.
  public init(_ first: Double, _ second: Double) {
    lower = min(first, second)
    upper = max(first, second)
  }

  /// The distance between the ends.
  public var width: Double { upper - lower }

  /// Whether `value` lies between the ends or on one of them.
  public func contains(_ value: Double) -> Bool { lower <= value && value <= upper }

  /// The interval with both ends mapped by an increasing function.
  func mapped(_ transform: (Double) -> Double) -> Self {
    Self(transform(lower), transform(upper))
  }
}
