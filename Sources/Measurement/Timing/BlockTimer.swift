// SPDX-License-Identifier: MIT

/// Times single blocks of calls, for those who decide themselves what is timed next.
public struct BlockTimer {
  private let clock: any TimeSource
  private let disturbance: any DisturbanceSource

  public init(
    clock: any TimeSource = MonotonicClock(),
    disturbance: any DisturbanceSource = SystemDisturbance()
  ) {
    self.clock = clock
    self.disturbance = disturbance
  }

  /// One block of `calls` calls, after one call that is not timed.
  ///
  /// The untimed call brings back the caches and predictors that others used in the meantime.
  ///
  /// - Requires: `calls` is at least 1.
  public func time(_ alternative: TimedAlternative, calls: Int) -> TimedSample {
    alternative.prepare?()
    alternative.body()
    let before = disturbance.read()
    let cpuBegin = clock.threadCPUNanoseconds()
    let begin = clock.monotonicNanoseconds()
    for _ in 0..<calls { alternative.body() }
    let end = clock.monotonicNanoseconds()
    let cpuEnd = clock.threadCPUNanoseconds()
    let after = disturbance.read()
    return TimedSample(
      round: 0, position: 0, calls: calls,
      nanosecondsPerCall: Double(end - begin) / Double(calls),
      threadCPUNanosecondsPerCall: Double(cpuEnd - cpuBegin) / Double(calls),
      disturbance: after.since(before))
  }
}
