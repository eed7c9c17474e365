// SPDX-License-Identifier: MIT

import CPlatform

/// How many instructions a core can begin per cycle right now.
///
/// Two hardware threads of a core take turns at beginning instructions. Where the other one belongs
/// to a neighbour, a guest sees neither its load nor stolen time, and a loop of multiply-adds alone,
/// which begins few instructions, hardly slows down: kernels do, by up to a third.
public struct IssueProbe: Sendable {
  private let issueIterations: UInt64
  private let chainIterations: UInt64

  /// Calibrates a reading to take about `duration`; nil if there is no such loop for this CPU.
  public init?(duration: Duration = .microseconds(90)) {
    guard cplatform_issue_run(1) > 0, cplatform_chain_run(1) > 0 else { return nil }
    let part = max(9, duration.nanoseconds) / 9
    let clock = MonotonicClock()
    issueIterations = Calibration.repetitions(lasting: 6 * part, clock: clock) {
      _ = cplatform_issue_run($0)
    }
    chainIterations = Calibration.repetitions(lasting: part, clock: clock) {
      _ = cplatform_chain_run($0)
    }
  }

  /// Instructions begun per step of a chain of multiplications.
  ///
  /// A step takes the same number of cycles at any clock. Allocates nothing.
  public func measure() -> Double {
    let clock = MonotonicClock()
    // The fastest of three: an interrupt in the chain would look like a core that begins more.
    var chain = UInt64.max
    var steps: UInt64 = 0
    for _ in 0..<3 {
      let begin = clock.threadCPUNanoseconds()
      steps = cplatform_chain_run(chainIterations)
      chain = min(chain, clock.threadCPUNanoseconds() - begin)
    }
    let begin = clock.threadCPUNanoseconds()
    let instructions = cplatform_issue_run(issueIterations)
    let elapsed = clock.threadCPUNanoseconds() - begin
    return Double(instructions) / Double(max(1, elapsed)) * Double(max(1, chain)) / Double(steps)
  }
}
