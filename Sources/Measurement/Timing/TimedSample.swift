// SPDX-License-Identifier: MIT

/// One block of calls of one alternative.
public struct TimedSample: Hashable, Codable, Sendable {
  /// The round it belongs to; samples of equal rounds are adjacent in time.
  public let round: Int
  /// Its place in the round's random order, from 0.
  public let position: Int
  /// Calls in the block.
  public let calls: Int
  /// Wall time per call.
  public let nanosecondsPerCall: Double
  /// CPU time of the calling thread per call; work of other threads is not in it.
  public let threadCPUNanosecondsPerCall: Double
  /// Involuntary context switches of the process during the block.
  public let involuntarySwitches: UInt64
  /// Time stolen by the hypervisor during the block.
  public let stolenNanoseconds: UInt64
  /// Time that threads of the process waited for a CPU during the block; nil where unknown.
  public let waitedNanoseconds: UInt64?
  /// Float32 multiply-add peak around the block [op/s], of all workers; nil where it was not read.
  public let multiplyAddRate: Double?
  /// The lower of the shares of ``YardstickReading/issueShare`` around the block; nil where it was
  /// not read.
  public let issueShare: Double?

  /// A block of `calls` calls that took the given times per call, was disturbed as `reading` says
  /// and ran between readings that `yardstick` joins.
  public init(
    round: Int, position: Int, calls: Int, nanosecondsPerCall: Double,
    threadCPUNanosecondsPerCall: Double, disturbance reading: DisturbanceReading,
    yardstick: YardstickReading? = nil
  ) {
    self.round = round
    self.position = position
    self.calls = calls
    self.nanosecondsPerCall = nanosecondsPerCall
    self.threadCPUNanosecondsPerCall = threadCPUNanosecondsPerCall
    involuntarySwitches = reading.involuntarySwitches
    stolenNanoseconds = reading.stolenNanoseconds
    waitedNanoseconds = reading.waitedNanoseconds
    multiplyAddRate = yardstick?.multiplyAddRate
    issueShare = yardstick?.issueShare
  }

  /// The same sample as part of another series.
  func inRound(_ round: Int) -> Self {
    Self(
      round: round, position: position, calls: calls, nanosecondsPerCall: nanosecondsPerCall,
      threadCPUNanosecondsPerCall: threadCPUNanosecondsPerCall,
      disturbance: DisturbanceReading(
        involuntarySwitches: involuntarySwitches, stolenNanoseconds: stolenNanoseconds,
        waitedNanoseconds: waitedNanoseconds),
      yardstick: YardstickReading(multiplyAddRate: multiplyAddRate, issueShare: issueShare))
  }

  /// Time that others may cost a block before it counts as disturbed, as a share of it.
  ///
  /// A third of the change that a gate looks for. Kernel threads alone take a CPU of a quiet guest
  /// some 15 times a second, for microseconds each.
  public static let harmlessShare = 0.01

  /// Whether others cost the block more than ``harmlessShare`` of its time.
  ///
  /// Where the kernel does not say how long threads waited, any switch counts.
  public var isDisturbed: Bool {
    guard let waitedNanoseconds else { return involuntarySwitches > 0 || stolenNanoseconds > 0 }
    return Double(waitedNanoseconds + stolenNanoseconds)
      > Self.harmlessShare * nanosecondsPerCall * Double(calls)
  }

  /// Share of a core's issue rate below which another hardware thread must have had a part of it.
  ///
  /// Readings of a core that nobody shares scatter by 0.5 %; a busy neighbour takes 10 % and more.
  public static let ownCoreShare = 0.97

  /// Whether somebody else's thread ran on the same core before or after the block.
  public var isCoreShared: Bool { issueShare.map { $0 < Self.ownCoreShare } ?? false }
}
