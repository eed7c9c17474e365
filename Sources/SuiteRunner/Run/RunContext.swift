// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import Measurement
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
  /// Reads peak and issue rate next to every sample; nil where neither is wanted.
  public let yardstick: (any YardstickSource)?
  public let counters: any CaseCounters
  /// Figures that are derived from every finished record.
  public let metrics: MetricCatalogue
  /// Size of the last cache, which cold timings must exceed [byte].
  public let cacheBytes: Int
  /// Planned bytes above which a case is skipped; nil leaves the memory that is free.
  public let memoryLimit: Int?
  /// Takes a share of a case's rounds in a process of its own; nil where none can be started.
  public let timeInProcess: ProcessTiming?
  /// Where the wall time goes.
  public let phases: PhaseClock
  /// UTC time in ISO 8601.
  public let now: () -> String

  public init(
    execution: ExecutionContext, machines: [Machine], build: BuildRecord, machine: MachineRecord,
    affinity: String, conditions: @escaping () -> [String: String],
    adjacentPeak: @escaping () -> Double?, yardstick: (any YardstickSource)? = nil,
    counters: any CaseCounters,
    metrics: MetricCatalogue, cacheBytes: Int, memoryLimit: Int? = nil,
    timeInProcess: ProcessTiming?,
    phases: PhaseClock = PhaseClock(), now: @escaping () -> String
  ) {
    self.execution = execution
    self.machines = machines
    self.build = build
    self.machine = machine
    self.affinity = affinity
    self.conditions = conditions
    self.adjacentPeak = adjacentPeak
    self.yardstick = yardstick
    self.counters = counters
    self.metrics = metrics
    self.cacheBytes = cacheBytes
    self.memoryLimit = memoryLimit
    self.timeInProcess = timeInProcess
    self.phases = phases
    self.now = now
  }

  var host: Machine? { machines.first { $0.id == BoundsRecord.host } }
}

/// Takes the rounds of process `process`, from 0, of a case and returns them.
public typealias ProcessTiming = (_ item: CaseSpecification, _ process: Int) throws ->
  InterleavedTiming

/// Counters that are read around one block of a case.
public protocol CaseCounters: AnyObject {
  /// Runs `body` between two readings; `counts` gives the engine's own counts afterwards.
  func record(
    _ item: CaseSpecification, _ body: () -> Void, counts: () -> EngineCounts
  ) -> [CounterRecord]
  /// Whether anything is counted by executing the case again at its reduced size.
  var countsExactly: Bool { get }
  /// The largest resident size of this process so far [byte].
  var peakResidentBytes: ResultStore.Known<Int> { get }
}
