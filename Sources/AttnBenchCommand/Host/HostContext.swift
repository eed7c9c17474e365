// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import Foundation
import Measurement
import ResultStore
import Simulator
import SuiteRunner

/// This host as runs see it: probed roofs, fingerprint, kernels and workers.
struct HostContext {
  let fingerprint: HostFingerprint
  let affinity: [Int]
  /// Nil where no machine of the run needs the host's roofs.
  let roofs: HostRoofs?
  let execution: ExecutionContext

  /// Prepares kernels and workers; `probes` measures the roofs first, which takes a few seconds.
  ///
  /// - Throws: ``Refusal`` for options that do not fit, `MeasurementError` from the probe.
  init(options: KernelOptions, probes: Bool, note: (String) -> Void) throws {
    // Before the pool exists: it pins this thread to one CPU.
    fingerprint = .current()
    affinity = Affinity.current
    if probes {
      note("probing the roofs of this host")
      roofs = try HostProbe(fingerprint: fingerprint, cpus: affinity).run()
    } else {
      roofs = nil
    }
    execution = try options.context()
  }

  /// The host as a simulated machine with as many threads as the pool has.
  func machine() throws -> Machine? {
    guard let roofs, let exact = threadRoofs(roofs) else { return nil }
    return try Machine(
      host: HostRoofRates(exact, fingerprint: fingerprint), id: BoundsRecord.host,
      title: fingerprint.brand)
  }

  /// Roofs for the pool's size: measured, or those of all CPUs where more threads run than CPUs.
  private func threadRoofs(_ roofs: HostRoofs) -> ThreadRoofs? {
    roofs.roofs(threads: execution.pool.count) ?? roofs.full
  }

  /// Machines by id or file; `host` is the probed one.
  ///
  /// - Throws: ``SimulatorError/unknownMachine(id:known:)``, or `ConfigurationFailure` for a file.
  func machines(_ ids: [String]) throws -> [Machine] {
    try ids.compactMap { id in
      id == BoundsRecord.host ? try machine() : try MachineFolders.library.machine(id)
    }
  }

  var ceilings: [HostCeilings] { roofs?.threads.map { HostCeilings($0) } ?? [] }

  /// Size of the last cache [byte].
  var cacheBytes: Int { max(fingerprint.l3Bytes, fingerprint.l2Bytes) }

  /// Child processes that time the cases of a suite file.
  func childTiming(suite: String, seed: UInt64) -> ProcessTiming {
    let child = ChildTiming(
      suitePath: suite, seed: seed, threads: execution.pool.count, affinity: affinity,
      cacheBytes: cacheBytes)
    return { try child.measure($0, process: $1) }
  }

  func runContext(
    machines ids: [String], counters: HostCounters = HostCounters(),
    phases: PhaseClock = PhaseClock(), memoryLimit: Int? = nil,
    timeInProcess: ProcessTiming? = nil
  ) throws -> RunContext {
    let peak = adjacentPeak
    let threads = Double(min(execution.pool.count, max(affinity.count, 1)))
    return RunContext(
      execution: execution, machines: try machines(ids), build: BuildFacts.record,
      machine: MachineRecord(
        cpu: fingerprint.brand, fingerprint: fingerprint.key, slug: fingerprint.slug,
        cores: fingerprint.cores),
      affinity: affinity.map(String.init).joined(separator: ","),
      conditions: { Self.conditions() }, adjacentPeak: { peak.map { $0.measure() * threads } },
      yardstick: PoolYardstick(pool: execution.pool, cpus: affinity.count, peak: shortPeak),
      counters: counters, metrics: try MetricCatalogue.builtIn(), cacheBytes: cacheBytes,
      memoryLimit: memoryLimit, timeInProcess: timeInProcess, phases: phases,
      now: { Self.timestamp() })
  }

  private var adjacentPeak: AdjacentPeak? { peak(lasting: .milliseconds(1)) }

  /// Short enough to stand next to every sample.
  private var shortPeak: AdjacentPeak? { peak(lasting: .microseconds(100)) }

  private func peak(lasting duration: Duration) -> AdjacentPeak? {
    guard let best = roofs?.single?.best(.float32MultiplyAdd) else {
      return AdjacentPeak.best(duration: duration)
    }
    return try? AdjacentPeak(instructions: best.instructions, duration: duration)
  }

  static func timestamp() -> String {
    ISO8601DateFormatter().string(from: Date())
  }

  private static func conditions() -> [String: String] {
    let record = EnvironmentRecord.current()
    return [
      "loadAverage": record.loadAverages.value?.first.map { String(format: "%.2f", $0) }
        ?? "unknown",
      "governor": "\(record.governor)",
      "frequency": record.frequencyHertz.value.map { "\($0 / 1_000_000) MHz" } ?? "unknown",
      "pageSize": "\(record.pageBytes)",
      "addressSpaceRandomisation": "\(record.isAddressSpaceRandomised)",
      "steal": "\(record.stolenNanosecondsSinceBoot) ns since boot",
      "kernel": "\(record.kernelRelease)",
      "virtual": "\(record.isVirtual)",
    ]
  }
}
