// SPDX-License-Identifier: MIT

/// One block of calls of one alternative.
public struct TimedSample: Hashable, Codable, Sendable {
  /// The round it belongs to; samples of equal rounds are adjacent in time.
  public let round: Int
  /// Its place in the round's random order, from 0.
  public let position: Int
  /// Wall time per call.
  public let nanosecondsPerCall: Double
  /// CPU time of the calling thread per call; work of other threads is not in it.
  public let threadCPUNanosecondsPerCall: Double
  /// Involuntary context switches of the process during the block.
  public let involuntarySwitches: UInt64
  /// Time stolen by the hypervisor during the block.
  public let stolenNanoseconds: UInt64

  public init(
    round: Int, position: Int, nanosecondsPerCall: Double, threadCPUNanosecondsPerCall: Double,
    involuntarySwitches: UInt64, stolenNanoseconds: UInt64
  ) {
    self.round = round
    self.position = position
    self.nanosecondsPerCall = nanosecondsPerCall
    self.threadCPUNanosecondsPerCall = threadCPUNanosecondsPerCall
    self.involuntarySwitches = involuntarySwitches
    self.stolenNanoseconds = stolenNanoseconds
  }

  /// The same sample as part of another series.
  func inRound(_ round: Int) -> Self {
    Self(
      round: round, position: position, nanosecondsPerCall: nanosecondsPerCall,
      threadCPUNanosecondsPerCall: threadCPUNanosecondsPerCall,
      involuntarySwitches: involuntarySwitches, stolenNanoseconds: stolenNanoseconds)
  }

  /// Whether something else used the CPU during the block.
  public var isDisturbed: Bool { involuntarySwitches > 0 || stolenNanoseconds > 0 }
}
