// SPDX-License-Identifier: MIT

/// What the cores were able to do at one moment.
public struct YardstickReading: Hashable, Sendable {
  /// Float32 operations of multiply-adds per second, of all workers; nil if they cannot be measured.
  public let multiplyAddRate: Double?
  /// Instructions that a core could begin, as a share of the most that it began before.
  ///
  /// That of the slowest worker; nil if it cannot be measured.
  public let issueShare: Double?

  public init(multiplyAddRate: Double?, issueShare: Double?) {
    self.multiplyAddRate = multiplyAddRate
    self.issueShare = issueShare
  }

  /// The reading of a block between `self` and `later`: the mean rate and the lower share.
  func joined(_ later: Self) -> Self {
    let rates = [multiplyAddRate, later.multiplyAddRate].compactMap { $0 }
    return Self(
      multiplyAddRate: rates.isEmpty ? nil : rates.reduce(0, +) / Double(rates.count),
      issueShare: [issueShare, later.issueShare].compactMap { $0 }.min())
  }
}

/// Reads what the cores can do, right before and after each sample.
///
/// Peaks that stand next to every sample share its clock; readings allocate nothing.
public protocol YardstickSource: AnyObject {
  func read() -> YardstickReading
  /// Wall time of all readings so far.
  var spentNanoseconds: UInt64 { get }
}
