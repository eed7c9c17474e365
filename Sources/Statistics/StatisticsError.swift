// SPDX-License-Identifier: MIT

/// What makes a set of numbers unusable as a sample.
public enum StatisticsError: Error, Hashable, Sendable {
  /// There is no value.
  case emptySample
  /// The value at `index` is NaN or infinite.
  case notFinite(index: Int)
  /// The value at `index` must be above zero because its logarithm is taken.
  case notPositive(index: Int, value: Double)
  /// Paired sets must have one partner for each value.
  case unpaired(numerators: Int, denominators: Int)
}

extension StatisticsError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .emptySample:
      "a sample needs at least one value; measure at least once"
    case .notFinite(let index):
      "value \(index) of the sample is not finite; drop it or find out why it was recorded"
    case .notPositive(let index, let value):
      "value \(index) is \(value), but ratios need values above 0"
    case .unpaired(let numerators, let denominators):
      "pairs need as many numerators (\(numerators)) as denominators (\(denominators))"
    }
  }
}
