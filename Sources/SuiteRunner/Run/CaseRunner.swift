// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import Measurement
import ResultStore
import Simulator

/// Takes one case from specification to record: verify, simulate, run, compare, time.
public final class CaseRunner {
  /// How far a case is taken.
  public enum Depth: Sendable {
    case simulate, verify, measure
  }

  private let suite: String
  private let timing: SuiteTiming
  private let depth: Depth
  private let context: RunContext
  private let sources: InputSource
  private let denseAccuracy = DenseAccuracy()
  private let timed: TimedCase
  private let phases: PhaseClock
  /// The command that repeats a case alone, given its id.
  private let command: (CaseSpecification) -> String
  /// Hears how far the case in progress is; nil costs nothing.
  var onStep: ((CaseStep) -> Void)? {
    didSet { timed.onStep = onStep }
  }

  public init(
    suite: String, seed: Seed, timing: SuiteTiming, depth: Depth, context: RunContext,
    command: @escaping (CaseSpecification) -> String
  ) {
    self.suite = suite
    self.timing = timing
    self.depth = depth
    self.context = context
    self.command = command
    sources = InputSource(seed: seed, pool: context.execution.pool)
    phases = context.phases
    timed = TimedCase(
      timing: timing, sources: sources, execution: context.execution,
      cacheBytes: context.cacheBytes, phases: context.phases, yardstick: context.yardstick)
  }

  /// The record of one finished case; whatever goes wrong inside becomes its status.
  public func run(_ item: CaseSpecification) -> CaseRecord {
    let begin = phases.readings
    var record = emptyRecord(item)
    do {
      try fill(&record, item)
    } catch {
      record.status = .failed(reason: "\(error)")
    }
    // After the timing, which holds more tensors than the first run.
    if case .value = record.accuracy.oracle {
      record.memory.peakResidentBytes = context.counters.peakResidentBytes
    }
    if depth == .measure {
      record.metrics = CaseMetrics(record, exactProducts: exactProducts(item))
        .records(context.metrics)
      record.phases = phases.readings.since(begin).byName
    }
    return record
  }

  private func fill(_ record: inout CaseRecord, _ item: CaseSpecification) throws {
    let bounds = try phases.measure(.simulation) {
      let bounds = try CaseBounds(item, kernels: context.execution.kernels)
      record.work.denseOperations = bounds.dense.operations
      record.work.tiles = bounds.tileCounts
      record.work.selection = try bounds.selection()
      record.bounds = try bounds.record(machines: context.machines)
      item.simulation.complete(&record)
      return bounds
    }
    guard depth != .simulate else {
      record.status = .simulatedOnly
      return
    }
    let need = MemoryNeed(
      item, context: context.execution, cacheBytes: context.cacheBytes)
    record.memory.plannedBytes = need.bytes
    if let shortage = need.shortage(limit: context.memoryLimit) {
      record.status = .skipped(reason: shortage)
      return
    }
    onStep?(.verifying)
    let check = try phases.measure(.verification) {
      try Verification(item, sources: sources, context: context.execution)
    }
    record.accuracy.oracle = .value(check.error)
    let engine = try phases.measure(.preparation) { try preparedEngine(item) }
    record.memory.workspaceBytes = .value(engine.workspaceBytes)
    if let defect = check.defect ?? bounds.difference(from: engine.tiles) {
      record.counts = CountsRecord(
        measured: .value(check.measured), expected: Self.known(check.expected))
      record.status = .failed(reason: defect)
      return
    }
    onStep?(.comparing)
    let (plan, callNanoseconds) = try runAndCompare(&record, item, engine)
    guard case .verifiedOnly = record.status, depth == .measure else { return }
    try time(&record, item, engine, plan, callNanoseconds)
  }

  private func preparedEngine(_ item: CaseSpecification) throws -> any PreparedAttention {
    let weights = item.mechanism.drawWeights(sources.seed.child("weights"))
    return try Engines.prepare(
      item.mechanism.plan, weights: weights, context: context.execution)
  }

  /// Runs once at full size: counts, distance from dense attention, counters.
  ///
  /// Returns the plan with what the run told about it, and how long the run took [ns].
  private func runAndCompare(
    _ record: inout CaseRecord, _ item: CaseSpecification, _ engine: any PreparedAttention
  ) throws -> (Plan, callNanoseconds: Double) {
    let kind = item.mechanism.card.inputs
    let (inputs, checksum) = try phases.measure(.inputs) {
      (
        try sources.inputs(item.input, kind: kind, shape: item.shape),
        try sources.checksum(item.input, kind: kind, shape: item.shape)
      )
    }
    record.problem.input.checksum = .value(checksum)
    let output = Tensor<Float>(item.mechanism.outputExtents)
    let clock = MonotonicClock()
    var callNanoseconds = 0.0
    record.counters = phases.measure(.counting) {
      let run = {
        let begin = clock.monotonicNanoseconds()
        engine.run(inputs, into: output)
        callNanoseconds = Double(clock.monotonicNanoseconds() - begin)
      }
      return context.counters.record(item, run) { engine.counts }
    }
    record.counts = CountsRecord(
      measured: .value(engine.counts), expected: Self.known(engine.expectedCounts))
    record.work.selection?.actualTiles = .value(engine.counts.tilesVisited)
    record.accuracy.dense = phases.measure(.accuracy) {
      item.mechanism.card.inputs == .tokens
        ? .absent(reason: "different operator: it mixes token features, not queries and keys")
        : .value(
          denseAccuracy.error(of: output, inputs: inputs, checksum: checksum, shape: item.shape))
    }
    let plan = try phases.measure(.accuracy) {
      try realise(&record, item, inputs: inputs, selection: engine.selection)
    }
    guard record.counts.agree.value != false else {
      record.status = .boundViolated(
        explanation: "counted work differs from planned work at the case's own size")
      return (plan, callNanoseconds)
    }
    record.status = .verifiedOnly
    return (plan, callNanoseconds)
  }

  /// Work and bounds of the selection that was made, and what it kept of dense attention.
  private func realise(
    _ record: inout CaseRecord, _ item: CaseSpecification, inputs: AttentionInputs,
    selection: Selection?
  ) throws -> Plan {
    let plan = item.mechanism.plan
    guard let selection else { return plan }
    let realised = plan.realised(selection)
    guard realised != plan else { return plan }
    if let stage = plan.selectingStage {
      let quality = SelectionQuality(
        stage, selection: selection, inputs: inputs, shape: item.shape)
      record.accuracy.selection = quality.record
    }
    record.work.operations = realised.operations
    if let pairs = realised.attendedPairsOfHeads { record.work.attendedPairs = .value(pairs) }
    record.bounds = try CaseBounds(item, plan: realised, kernels: context.execution.kernels)
      .record(machines: context.machines)
    item.simulation.complete(&record)
    return realised
  }

  private func time(
    _ record: inout CaseRecord, _ item: CaseSpecification, _ engine: any PreparedAttention,
    _ plan: Plan, _ callNanoseconds: Double
  ) throws {
    let timer = CaseTiming(context: context, timing: timing, timed: timed)
    let result = try timer.measure(
      item, engine: engine, plan: plan, bounds: record.bounds, callNanoseconds: callNanoseconds)
    record.timing = .value(result)
    record.status =
      FloorCheck(
        result, bounds: record.bounds,
        probedPeak: context.host?.rates[.float32]?.perSecond.value
      ).status
  }

  /// Product operations at the shape that cachegrind executes.
  private func exactProducts(_ item: CaseSpecification) -> CounterValue {
    guard context.counters.countsExactly,
      let problem = try? ReducedProblem(item, affordableWork: ReducedProblem.countableWork)
    else { return .absent(reason: "nothing was counted exactly") }
    return .real(Double(problem.mechanism.plan.operations.products))
  }

  private func emptyRecord(_ item: CaseSpecification) -> CaseRecord {
    let plan = item.mechanism.plan
    let notReached = "the case did not come this far"
    let work = plan.work
    return CaseRecord(
      caseID: item.id, suite: suite, status: .failed(reason: notReached),
      command: command(item),
      mechanism: MechanismRecord(
        card: item.card,
        parameters: Dictionary(uniqueKeysWithValues: item.mechanism.parameterTexts),
        given: item.overrides),
      problem: ProblemRecord(
        shape: item.shape, precision: plan.precisionName,
        input: InputRecord(
          kind: item.input.name, seed: sources.seed.value,
          checksum: .absent(reason: "no tensors were made"))),
      execution: ExecutionRecord(
        threads: context.execution.pool.count, affinity: context.affinity,
        kernelTable: context.execution.kernels.instructionSet.rawValue,
        startedAt: context.now(), conditions: context.conditions()),
      build: context.build, machine: context.machine,
      work: WorkRecord(
        attendedPairs: plan.attendedPairsOfHeads.map { .value($0) }
          ?? .absent(
            reason: plan.selectingStage == nil
              ? "the mechanism does not work on query-key pairs"
              : "which keys are attended to depends on the data"),
        operations: plan.operations, denseOperations: OperationCounts(),
        bytesRead: work.reduce(0) { $0 + $1.bytesRead },
        bytesWritten: work.reduce(0) { $0 + $1.bytesWritten },
        tiles: .absent(reason: notReached)),
      bounds: BoundsRecord(
        flop: .absent(reason: notReached), tile: .absent(reason: notReached),
        worstTile: .absent(reason: notReached), machines: []),
      counts: CountsRecord(
        measured: .absent(reason: notReached), expected: .absent(reason: notReached)),
      timing: .absent(reason: depth == .measure ? notReached : "nothing was timed"),
      accuracy: AccuracyRecord(
        oracle: .absent(reason: notReached), dense: .absent(reason: notReached)),
      memory: MemoryRecord(
        workspaceBytes: .absent(reason: notReached),
        peakResidentBytes: .absent(reason: notReached)), counters: [])
  }

  private static func known(_ counts: EngineCounts?) -> ResultStore.Known<EngineCounts> {
    counts.map { .value($0) } ?? .absent(reason: "the plan predicts no counts")
  }
}
