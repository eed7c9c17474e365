// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
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
  private var baseline: Baseline?
  /// The command that repeats a case alone, given its id.
  private let command: (CaseSpecification) -> String

  public init(
    suite: String, seed: Seed, timing: SuiteTiming, depth: Depth, context: RunContext,
    command: @escaping (CaseSpecification) -> String
  ) {
    self.suite = suite
    self.timing = timing
    self.depth = depth
    self.context = context
    self.command = command
    sources = InputSource(seed: seed)
  }

  /// The record of one finished case; whatever goes wrong inside becomes its status.
  public func run(_ item: CaseSpecification) -> CaseRecord {
    var record = emptyRecord(item)
    do {
      try fill(&record, item)
    } catch {
      record.status = .failed(reason: "\(error)")
    }
    return record
  }

  private func fill(_ record: inout CaseRecord, _ item: CaseSpecification) throws {
    let bounds = try CaseBounds(item, kernels: context.execution.kernels)
    record.work.denseOperations = bounds.dense.operations
    record.work.tiles = bounds.tileCounts
    record.bounds = try bounds.record(machines: context.machines)
    item.simulation.complete(&record)
    guard depth != .simulate else {
      record.status = .simulatedOnly
      return
    }
    if let shortage = MemoryNeed(item).shortage {
      record.status = .skipped(reason: shortage)
      return
    }
    let check = try Verification(item, sources: sources, context: context.execution)
    record.accuracy.oracle = .value(check.error)
    let engine = try preparedEngine(item)
    record.memory.workspaceBytes = .value(engine.workspaceBytes)
    if let defect = check.defect ?? bounds.difference(from: engine.tiles) {
      record.counts = CountsRecord(
        measured: .value(check.measured), expected: Self.known(check.expected))
      record.status = .failed(reason: defect)
      return
    }
    try runAndCompare(&record, item, engine)
    guard case .verifiedOnly = record.status, depth == .measure else { return }
    try time(&record, item, engine, bounds)
  }

  private func preparedEngine(_ item: CaseSpecification) throws -> any PreparedAttention {
    let weights = item.mechanism.drawWeights(sources.seed.child("weights"))
    return try Engines.prepare(
      item.mechanism.plan, weights: weights, context: context.execution)
  }

  /// Runs once at full size: counts, distance from dense attention, counters.
  private func runAndCompare(
    _ record: inout CaseRecord, _ item: CaseSpecification, _ engine: any PreparedAttention
  ) throws {
    let inputs = try sources.inputs(
      item.input, kind: item.mechanism.card.inputs, shape: item.shape)
    let checksum = inputs.checksum
    record.problem.input.checksum = .value(checksum)
    let output = Tensor<Float>(item.mechanism.outputExtents)
    record.counters = context.counters.record({ engine.run(inputs, into: output) }) {
      engine.counts
    }
    record.counts = CountsRecord(
      measured: .value(engine.counts), expected: Self.known(engine.expectedCounts))
    record.memory.peakResidentBytes = context.counters.peakResidentBytes
    record.accuracy.dense =
      item.mechanism.card.inputs == .tokens
      ? .absent(reason: "different operator: it mixes token features, not queries and keys")
      : .value(
        denseAccuracy.error(of: output, inputs: inputs, checksum: checksum, shape: item.shape))
    guard record.counts.agree.value != false else {
      record.status = .boundViolated(
        explanation: "counted work differs from planned work at the case's own size")
      return
    }
    record.status = .verifiedOnly
  }

  private func time(
    _ record: inout CaseRecord, _ item: CaseSpecification, _ engine: any PreparedAttention,
    _ bounds: CaseBounds
  ) throws {
    let inputs = try sources.inputs(
      item.input, kind: item.mechanism.card.inputs, shape: item.shape)
    let output = Tensor<Float>(item.mechanism.outputExtents)
    let base = try flashBaseline(item, inputs: inputs)
    let bare = try Engines.bareTransforms(of: item.mechanism.plan, context: context.execution)
    let timer = CaseTiming(context: context, timing: timing, seed: sources.seed)
    let result = try timer.measure(
      CaseTiming.Candidate(
        role: .mechanism, name: item.mechanismID, precision: item.mechanism.plan.precisionName
      ) { engine.run(inputs, into: output) },
      baseline: CaseTiming.Candidate(
        role: .flashBaseline, name: Flash.card.id, precision: AttendPrecision.float32.name
      ) { base.engine.run(base.inputs, into: base.output) },
      others: bare.map { bare in
        [
          CaseTiming.Candidate(role: .other, name: BareTransforms.name, precision: "f32") {
            bare.run()
          }
        ]
      } ?? [],
      plan: item.mechanism.plan, bounds: record.bounds)
    record.timing = .value(result)
    record.status = FloorCheck(result, bounds: record.bounds).status
  }

  /// Dense attention in Float32 on the same inputs; neighbouring cases share it.
  private func flashBaseline(
    _ item: CaseSpecification, inputs: AttentionInputs
  ) throws -> Baseline {
    let shape = try CaseBounds.denseShape(item.shape)
    var baseInputs = inputs
    if case .tokens = inputs {
      baseInputs = try sources.inputs(.generated(.gaussian), kind: .queryKeyValue, shape: shape)
    }
    if let baseline, baseline.shape == shape, baseline.inputs.checksum == baseInputs.checksum {
      return baseline
    }
    let plan = try Flash(NoParameters(), shape: shape).plan
    let made = Baseline(
      shape: shape, engine: try Engines.prepare(plan, context: context.execution),
      inputs: baseInputs, output: Tensor(shape.outputExtents))
    baseline = made
    return made
  }

  private struct Baseline {
    let shape: AttentionShape
    let engine: any PreparedAttention
    let inputs: AttentionInputs
    let output: Tensor<Float>
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
          ?? .absent(reason: "the mechanism does not work on query-key pairs"),
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

  private static func known(_ counts: EngineCounts?) -> Known<EngineCounts> {
    counts.map { .value($0) } ?? .absent(reason: "the plan predicts no counts")
  }
}
