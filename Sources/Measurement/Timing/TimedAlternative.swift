// SPDX-License-Identifier: MIT

/// One of the things that are timed against each other.
public struct TimedAlternative {
  /// Name within its group.
  public let name: String
  let prepare: (() -> Void)?
  let body: () -> Void
  /// About how long a call takes [ns]; nil if it has not run yet.
  let callNanoseconds: Double?

  /// Times `body`, a call of which took about `nanoseconds` when it last ran.
  ///
  /// `body` must allocate nothing and leave its result where the compiler cannot drop it.
  /// `prepare` runs untimed before each block, for instance to evict the caches.
  public init(
    name: String, about nanoseconds: Double? = nil, prepare: (() -> Void)? = nil,
    body: @escaping () -> Void
  ) {
    self.name = name
    callNanoseconds = nanoseconds
    self.prepare = prepare
    self.body = body
  }

  /// The same work made slower by `fraction` of its own last duration, to try out a gate.
  ///
  /// After each call it spins on `clock`; the kernel itself stays as it is.
  public func slowed(by fraction: Double, clock: any TimeSource = MonotonicClock()) -> Self {
    let body = body
    return Self(name: name, about: callNanoseconds, prepare: prepare) {
      let begin = clock.monotonicNanoseconds()
      body()
      let end = clock.monotonicNanoseconds()
      let extra = UInt64(Double(end - begin) * max(0, fraction))
      while clock.monotonicNanoseconds() - end < extra {}
    }
  }
}

/// A ratio that a group is timed for: the time of one alternative over that of another.
public struct TimingComparison: Hashable, Codable, Sendable {
  public let numerator: String
  public let denominator: String

  public init(_ numerator: String, over denominator: String) {
    self.numerator = numerator
    self.denominator = denominator
  }
}
