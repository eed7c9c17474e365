// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import ResultStore
import Simulator

/// What all cases of a run share: kernels, machines, and the facts that every record repeats.
public struct RunContext {
  public let execution: ExecutionContext
  /// Machines whose bounds every record holds, the host among them if it was probed.
  public let machines: [Machine]
  public let build: BuildRecord
  public let machine: MachineRecord
  public let affinity: String
  /// Reads load, governor and the like; called before every case.
  public let conditions: () -> [String: String]
  /// The Float32 multiply-add rate of all workers right now [op/s], or nil if it cannot be measured.
  public let adjacentPeak: () -> Double?
  public let counters: any CaseCounters
  /// UTC time in ISO 8601.
  public let now: () -> String

  public init(
    execution: ExecutionContext, machines: [Machine], build: BuildRecord, machine: MachineRecord,
    affinity: String, conditions: @escaping () -> [String: String],
    adjacentPeak: @escaping () -> Double?, counters: any CaseCounters, now: @escaping () -> String
  ) {
    self.execution = execution
    self.machines = machines
    self.build = build
    self.machine = machine
    self.affinity = affinity
    self.conditions = conditions
    self.adjacentPeak = adjacentPeak
    self.counters = counters
    self.now = now
  }

  var host: Machine? { machines.first { $0.id == BoundsRecord.host } }
}

/// Counters that are read around one block of a case.
public protocol CaseCounters: AnyObject {
  /// Runs `body` between two readings; `counts` gives the engine's own counts afterwards.
  func record(_ body: () -> Void, counts: () -> EngineCounts) -> [CounterRecord]
  /// The largest resident size of this process so far [byte].
  var peakResidentBytes: Known<Int> { get }
}
