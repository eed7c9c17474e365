// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import Measurement
import ResultStore

/// Prepares one case at a time and times blocks of it on request.
public final class CaseWorker {
  private let context: RunContext
  private let timer = BlockTimer()
  private var bodies: [TimedThing: () -> Void] = [:]
  private var makeFlash: (() throws -> () -> Void)?
  private var sources: InputSource?
  private let cpus: [Int]

  /// A worker that makes cases ready on any of `cpus`; the pool of `context` keeps each thread to
  /// one CPU, which is the same one in every process that takes turns.
  public init(context: RunContext, cpus: [Int]) {
    self.context = context
    self.cpus = cpus
  }

  /// The first line that the other side reads.
  public var greeting: WorkerReply {
    .hello(
      version: WorkerProtocol.version, threads: context.execution.pool.count,
      kernelTable: context.execution.kernels.instructionSet.rawValue)
  }

  /// The answer to `request`; nil to ``WorkerRequest/quit``.
  ///
  /// - Throws: ``EngineError`` if `flash` cannot be prepared at the sizes of the case.
  public func answer(_ request: WorkerRequest) throws -> WorkerReply? {
    switch request {
    case .prepare(let item, let verify): prepare(item, verify: verify)
    case .time(let what, let calls, let slowdown):
      .sample(try time(what, calls: max(1, calls), slowdown: slowdown))
    case .quit: nil
    }
  }

  private func prepare(_ item: WorkerCase, verify: Bool) -> WorkerReply {
    let own = Affinity.current
    _ = Affinity.pin(to: cpus)
    defer { _ = Affinity.pin(to: own) }
    bodies = [:]
    makeFlash = nil
    var record: CaseRecord?
    do {
      let specification = try item.specification()
      let need = MemoryNeed(
        specification, context: context.execution, cacheBytes: context.cacheBytes)
      if let shortage = need.shortage() { throw WorkerRefusal.skipped(reason: shortage) }
      if verify {
        record = verified(specification, item)
        try Self.checkStatus(record)
      }
      try makeReady(specification, seed: Seed(item.seed))
      return .ready(record: record)
    } catch let refusal as WorkerRefusal {
      return .refused(refusal: refusal, record: record)
    } catch let error as MechanismError {
      return .refused(refusal: .unsupported(reason: error.hintedDescription), record: record)
    } catch {
      return .refused(refusal: .failed(reason: "\(error)"), record: record)
    }
  }

  private func verified(_ item: CaseSpecification, _ request: WorkerCase) -> CaseRecord {
    let runner = CaseRunner(
      suite: request.suite, seed: Seed(request.seed), timing: SuiteTiming(), depth: .verify,
      context: context, command: { _ in request.command })
    var record = runner.run(item)
    record.caseID = request.caseID
    return record
  }

  private static func checkStatus(_ record: CaseRecord?) throws {
    switch record?.status {
    case .failed(let reason), .boundViolated(let reason): throw WorkerRefusal.failed(reason: reason)
    case .skipped(let reason): throw WorkerRefusal.skipped(reason: reason)
    case .measured, .verifiedOnly, .simulatedOnly, nil: break
    }
  }

  private func makeReady(_ item: CaseSpecification, seed: Seed) throws {
    let sources =
      sources.flatMap { $0.seed == seed ? $0 : nil }
      ?? InputSource(seed: seed, pool: context.execution.pool)
    self.sources = sources
    let inputs = try sources.inputs(
      item.input, kind: item.mechanism.card.inputs, shape: item.shape)
    let engine = try Engines.prepare(
      item.mechanism.plan, weights: item.mechanism.drawWeights(seed.child("weights")),
      context: context.execution)
    let rotation = InputRotation(
      inputs, outputExtents: item.mechanism.outputExtents, mode: item.cache,
      cacheBytes: context.cacheBytes)
    bodies[.mechanism] = { rotation.run(engine) }
    let execution = context.execution
    let cacheBytes = context.cacheBytes
    makeFlash = {
      let shape = try CaseBounds.denseShape(item.shape)
      var denseInputs = inputs
      if case .tokens = inputs {
        denseInputs = try sources.inputs(
          .generated(.gaussian), kind: .queryKeyValue, shape: shape)
      }
      let flash = try Engines.prepare(
        try Flash(NoParameters(), shape: shape).plan, context: execution)
      let rotation = InputRotation(
        denseInputs, outputExtents: shape.outputExtents, mode: item.cache,
        cacheBytes: cacheBytes)
      return { rotation.run(flash) }
    }
  }

  private func time(_ what: TimedThing, calls: Int, slowdown: Double) throws -> WorkerSample {
    guard what != .peak else {
      // The probe counts by thread CPU time, which no switch disturbs.
      let rate = context.adjacentPeak() ?? .nan
      return WorkerSample(nanosecondsPerCall: 1e18 / rate, isDisturbed: false)
    }
    if bodies[what] == nil, what == .flash { bodies[what] = try makeFlash?() }
    guard let body = bodies[what] else { throw WorkerError.nothingPrepared }
    var alternative = Measurement.TimedAlternative(name: what.rawValue, body: body)
    if slowdown > 0 { alternative = alternative.slowed(by: slowdown) }
    let sample = timer.time(alternative, calls: calls)
    return WorkerSample(
      nanosecondsPerCall: sample.nanosecondsPerCall, isDisturbed: sample.isDisturbed)
  }
}
