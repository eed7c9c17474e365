// SPDX-License-Identifier: MIT

/// SplitMix64, so that a resampled interval is the same on every machine.
///
/// Source: Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators* (OOPSLA 2014).
public struct ResamplingGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Starts the sequence that belongs to `seed`.
  public init(seed: UInt64) {
    state = seed
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A number below `bound`, which must be above 0.
  ///
  /// The high half of a product: a bias below `bound / 2^64`, and the same on every platform,
  /// which the standard library does not promise.
  public mutating func index(below bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// Puts `values` in a random order.
  public mutating func shuffle<Element>(_ values: inout [Element]) {
    shuffle(&values, in: values.indices)
  }

  /// Puts the values at `range` in a random order and leaves the others where they are.
  public mutating func shuffle<Element>(_ values: inout [Element], in range: Range<Int>) {
    guard range.count > 1 else { return }
    for last in stride(from: range.count - 1, to: 0, by: -1) {
      values.swapAt(range.lowerBound + last, range.lowerBound + index(below: last + 1))
    }
  }
}
