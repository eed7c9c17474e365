// SPDX-License-Identifier: MIT

/// A short measurement of the multiply-add peak, to be taken right beside a kernel.
///
/// The clock of a guest drifts by a factor of two; a share of peak is only as good as the nearness
/// of its peak. Counted by thread CPU time, so that a switch in between does not spoil it.
public struct AdjacentPeak {
  public let instructions: RoofInstructions
  private let loop: RoofLoop
  private let iterations: UInt64
  private let clock: any TimeSource

  /// Calibrates the Float32 loop of `instructions` to run for about `duration`.
  ///
  /// - Throws: `unsupportedInstructions` if there is no such Float32 loop for this CPU.
  public init(
    instructions: RoofInstructions, duration: Duration = .milliseconds(1),
    identity: CPUIdentity = .current, clock: any TimeSource = MonotonicClock()
  ) throws(MeasurementError) {
    let candidates = RoofLoop.supported(by: identity)
    guard
      let loop = candidates.first(where: {
        $0.kind == .float32MultiplyAdd && $0.instructions == instructions
      })
    else { throw .unsupportedInstructions(instructions) }
    self.instructions = instructions
    self.loop = loop
    self.clock = clock
    iterations = Calibration.repetitions(lasting: duration.nanoseconds, clock: clock) {
      _ = loop.run(iterations: $0)
    }
  }

  /// The peak of the widest instructions of this CPU; nil if it has neither AVX2 nor AVX-512.
  public static func best(duration: Duration) -> Self? {
    for instructions in [RoofInstructions.avx512, .avx2] {
      if let peak = try? Self(instructions: instructions, duration: duration) { return peak }
    }
    return nil
  }

  /// The Float32 operations per second of one core now; allocates nothing.
  public func measure() -> Double {
    let begin = clock.threadCPUNanoseconds()
    let operations = loop.run(iterations: iterations).operations
    let elapsed = clock.threadCPUNanoseconds() - begin
    return Double(operations) * 1e9 / Double(max(1, elapsed))
  }
}

/// Finds how often something must be repeated to last for a given time.
enum Calibration {
  /// Repetitions that take about `target` nanoseconds of thread CPU time; at least 1.
  static func repetitions(
    lasting target: UInt64, clock: any TimeSource, _ work: (UInt64) -> Void
  ) -> UInt64 {
    var count: UInt64 = 1
    // 2^40 repetitions of anything take longer than any target: the loop ends.
    while count < 1 << 40 {
      var elapsed = UInt64.max
      // The least of three: a page that is missing, or a moment that the host takes, would leave far too
      // few repetitions for all that follows.
      for _ in 0..<3 {
        let begin = clock.threadCPUNanoseconds()
        work(count)
        elapsed = min(elapsed, clock.threadCPUNanoseconds() - begin)
      }
      // From a quarter of the target on, proportion is exact enough.
      if elapsed * 4 >= target {
        return max(1, UInt64(Double(count) * Double(target) / Double(max(1, elapsed))))
      }
      count *= 2
    }
    return count
  }
}
