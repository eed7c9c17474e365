// SPDX-License-Identifier: MIT

import AttentionCore

/// Floors of a mechanism and of dense attention as the sequence grows.
public struct LengthScan {
  /// One sequence length.
  public struct Point: Hashable, Sendable, Codable {
    public let length: Int
    /// Dense attention's floor [s].
    public let dense: Double
    /// The mechanism's floor [s].
    public let mechanism: Double
    /// The ceiling that sets the mechanism's floor.
    public let binding: Ceiling.Kind?

    public var isFaster: Bool { mechanism < dense }
  }

  /// A mechanism's plan and dense attention's at the same length.
  public typealias Plans = (mechanism: Plan, dense: Plan)

  private let machine: Machine
  private let plans: (Int) throws -> Plans?

  /// A scan over `plans`, which gives the plans at a length, or nil where the mechanism cannot have
  /// it.
  public init(machine: Machine, plans: @escaping (Int) throws -> Plans?) {
    self.machine = machine
    self.plans = plans
  }

  /// The floors at `length`, or nil where the mechanism cannot have it.
  public func point(at length: Int) throws -> Point? {
    guard let plans = try plans(length) else { return nil }
    let mechanism = try plans.mechanism.floor(on: machine)
    return Point(
      length: length, dense: try plans.dense.floor(on: machine).seconds,
      mechanism: mechanism.seconds, binding: mechanism.binding)
  }

  /// The first of `lengths`, in their order, at which the mechanism's floor is below dense's.
  public func efficiencyLength(among lengths: some Sequence<Int>) throws -> Int? {
    try lengths.first { try point(at: $0)?.isFaster ?? false }
  }

  /// The shortest length in `range` at which the mechanism's floor is below dense's.
  ///
  /// Lengths are doubled until one is faster, then bisected, so that a second crossing inside one
  /// doubling would be missed; every length of the range must be possible or slower.
  public func efficiencyLength(in range: ClosedRange<Int>) throws -> Int? {
    var slower = range.lowerBound
    guard try point(at: slower)?.isFaster != true else { return slower }
    var faster = slower
    repeat {
      guard faster < range.upperBound else { return nil }
      slower = faster
      faster = faster > range.upperBound / 2 ? range.upperBound : max(2 * faster, faster + 1)
    } while try point(at: faster)?.isFaster != true
    while faster - slower > 1 {
      let middle = slower + (faster - slower) / 2
      if try point(at: middle)?.isFaster == true { faster = middle } else { slower = middle }
    }
    return faster
  }

  /// The points of `lengths` at which another ceiling binds than at the length before.
  public func bindingChanges(among lengths: some Sequence<Int>) throws -> [Point] {
    var changes: [Point] = []
    for length in lengths {
      guard let point = try point(at: length) else { continue }
      if changes.last.map({ $0.binding != point.binding }) ?? true { changes.append(point) }
    }
    return changes
  }
}
