// SPDX-License-Identifier: MIT

import AttentionCore
import Comparison

/// What two builds, or a build and stored runs, are compared on, and how thoroughly.
public struct GatePlan: Sendable {
  /// What the head is compared with.
  public enum Baseline: Sendable {
    /// Another build, timed in turns with the head.
    case build(binary: String)
    /// Stored runs of the same suite: ratios to a yardstick are compared.
    case stored(StoredRuns)
  }

  /// A slowdown that is not there in truth, to try the gate out.
  public struct Plant: Hashable, Sendable {
    /// Ids of the cases that are slowed down; empty for all.
    public var caseIDs: Set<String>
    /// Share by which they are slowed down.
    public var share: Double

    public init(caseIDs: Set<String>, share: Double) {
      self.caseIDs = caseIDs
      self.share = share
    }

    func concerns(_ caseID: String) -> Bool { caseIDs.isEmpty || caseIDs.contains(caseID) }
  }

  public var suite: String
  public var cases: [CaseSpecification]
  /// Seed of tensors and weights.
  public var seed: Seed
  /// Seed of the order of turns.
  public var turnSeed: Seed
  public var baseline: Baseline
  /// The build that is judged.
  public var head: String
  public var policy = ComparisonPolicy()
  /// Sets of processes in the first round; each later round has twice as many.
  public var processes = 5
  /// Adjacent pairs in each set of processes.
  public var pairs = 8
  /// Cases on which controls are measured beside the cases.
  public var controls = 2
  /// Share of a planted slowdown beyond the change that matters.
  public var plantedMargin = 0.02
  public var plant: Plant?
  /// Workers of each process; nil takes every CPU.
  public var threads: Int?
  /// The command that repeats a case alone.
  public var command: @Sendable (CaseSpecification) -> String

  public init(
    suite: Suite, cases: [CaseSpecification], seed: Seed, baseline: Baseline, head: String,
    command: @escaping @Sendable (CaseSpecification) -> String
  ) {
    self.suite = suite.name
    self.cases = cases
    self.seed = seed
    turnSeed = seed
    self.baseline = baseline
    self.head = head
    self.command = command
  }

  /// Share by which the planted control is slowed down.
  public var plantedSlowdown: Double { policy.timeDelta + plantedMargin }

  /// The cases that carry controls: spread evenly over the suite, so that families take part.
  var controlCases: [CaseSpecification] {
    let count = min(max(controls, 0), cases.count)
    return (0..<count).map { cases[$0 * cases.count / count] }
  }
}
