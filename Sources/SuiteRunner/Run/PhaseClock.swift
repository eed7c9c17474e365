// SPDX-License-Identifier: MIT

import Measurement

/// A kind of work that a run spends wall time on.
public enum RunPhase: String, Hashable, Sendable, CaseIterable {
  /// Measuring the roofs of this host.
  case probe
  /// Bounds, plans and tile counts.
  case simulation
  /// Making or loading tensors.
  case inputs
  /// Schedules, packing of weights, plans of transforms.
  case preparation
  /// Kernel against oracle at a reduced size.
  case verification
  /// The full-size run with counters around it.
  case counting
  /// The distance from dense attention at full size.
  case accuracy
  /// Inside the timed blocks.
  case timed
  /// Finding out how many calls make a block.
  case calibration
  /// Intervals, order, reading of clocks between the blocks; child processes starting up.
  case sampling
  /// Multiply-add peaks and issue rates next to the samples.
  case peak
  case journal
  case report

  /// Whether the phase is what a run is for: all else is overhead of the harness.
  public var isPurpose: Bool {
    switch self {
    case .timed, .verification, .accuracy, .counting: true
    default: false
    }
  }
}

/// Wall time by phase; the innermost phase owns a moment.
public final class PhaseClock {
  private let clock: any TimeSource
  private var nanoseconds: [RunPhase: UInt64] = [:]
  private var stack: [RunPhase] = []
  private var lastChange: UInt64
  private let begin: UInt64

  public init(clock: any TimeSource = MonotonicClock()) {
    self.clock = clock
    begin = clock.monotonicNanoseconds()
    lastChange = begin
  }

  /// Gives the wall time of `body` to `phase`, less what inner phases take.
  public func measure<Value>(_ phase: RunPhase, _ body: () throws -> Value) rethrows -> Value {
    settle()
    stack.append(phase)
    defer {
      settle()
      stack.removeLast()
    }
    return try body()
  }

  /// Moves time that turned out to belong elsewhere, at most what `source` has.
  public func move(_ amount: UInt64, from source: RunPhase, to target: RunPhase) {
    settle()
    let moved = min(amount, nanoseconds[source] ?? 0)
    nanoseconds[source, default: 0] -= moved
    nanoseconds[target, default: 0] += moved
  }

  /// Time of each phase so far.
  public var readings: PhaseReadings {
    settle()
    return PhaseReadings(
      seconds: nanoseconds.mapValues { Double($0) * 1e-9 },
      wallSeconds: Double(clock.monotonicNanoseconds() - begin) * 1e-9)
  }

  private func settle() {
    let now = clock.monotonicNanoseconds()
    if let phase = stack.last { nanoseconds[phase, default: 0] += now - lastChange }
    lastChange = now
  }
}

/// What a ``PhaseClock`` read.
public struct PhaseReadings: Hashable, Sendable {
  public let seconds: [RunPhase: Double]
  public let wallSeconds: Double

  public init(seconds: [RunPhase: Double], wallSeconds: Double) {
    self.seconds = seconds
    self.wallSeconds = wallSeconds
  }

  /// Share of the wall time that was neither timed nor verified work.
  public var overheadShare: Double {
    guard wallSeconds > 0 else { return 0 }
    let purpose = seconds.reduce(0) { $0 + ($1.key.isPurpose ? $1.value : 0) }
    return max(0, 1 - purpose / wallSeconds)
  }

  /// The phases by name, for files.
  public var byName: [String: Double] {
    Dictionary(uniqueKeysWithValues: seconds.map { ($0.key.rawValue, $0.value) })
  }

  /// What was spent since `earlier`.
  public func since(_ earlier: PhaseReadings) -> PhaseReadings {
    PhaseReadings(
      seconds: seconds.merging(earlier.seconds) { $0 - $1 }.filter { $0.value > 0 },
      wallSeconds: wallSeconds - earlier.wallSeconds)
  }
}
