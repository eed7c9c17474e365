// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import Measurement
import ResultStore

/// Times cases next to dense attention, all in this process; neighbouring cases share the baseline.
public final class TimedCase {
  private let timing: SuiteTiming
  private let execution: ExecutionContext
  private let sources: InputSource
  private let cacheBytes: Int
  private let phases: PhaseClock?
  private let yardstick: (any YardstickSource)?
  private var baseline: Baseline?
  /// Hears how far a timing is, a few times a second.
  var onStep: ((CaseStep) -> Void)?

  public init(
    timing: SuiteTiming, sources: InputSource, execution: ExecutionContext, cacheBytes: Int,
    phases: PhaseClock? = nil, yardstick: (any YardstickSource)? = nil
  ) {
    self.timing = timing
    self.sources = sources
    self.execution = execution
    self.cacheBytes = cacheBytes
    self.phases = phases
    self.yardstick = yardstick
  }

  private struct Baseline {
    let shape: AttentionShape
    let input: InputSpecification
    let mode: CacheMode
    let engine: any PreparedAttention
    let rotation: InputRotation
    /// About how long a call takes, once it was timed.
    var callNanoseconds: Double?
  }

  /// Takes the rounds of process `process` of `item`: all of them where there is one process.
  ///
  /// `engine` is the case's own if it is there already, and has run then; `callNanoseconds` is about
  /// how long that took.
  public func measure(
    _ item: CaseSpecification, engine: (any PreparedAttention)? = nil,
    callNanoseconds: Double? = nil, process: Int = 0
  ) throws -> InterleavedTiming {
    let engine = try engine ?? prepare(item)
    let inputs = try spend(.inputs) {
      try sources.inputs(item.input, kind: item.mechanism.card.inputs, shape: item.shape)
    }
    let rotation = spend(.inputs) {
      InputRotation(
        inputs, outputExtents: item.mechanism.outputExtents, mode: item.cache,
        cacheBytes: cacheBytes)
    }
    let base = try flashBaseline(item, inputs: inputs)
    let bare = try spend(.preparation) {
      try Engines.bareTransforms(of: item.mechanism.plan, context: execution)
    }
    let own = Measurement.TimedAlternative(
      name: Role.mechanism.rawValue, about: callNanoseconds
    ) { rotation.run(engine) }
    var alternatives: [Measurement.TimedAlternative] = [
      .init(name: Role.flashBaseline.rawValue, about: base.callNanoseconds) {
        base.rotation.run(base.engine)
      },
      own,
    ]
    if let bare { alternatives.append(.init(name: BareTransforms.name) { bare.run() }) }
    if let read = Engines.bareRead(of: engine) {
      // Calibration comes to the read after the mechanism, whose cache is there by then.
      alternatives.append(.init(name: BareRead.name) { read.run() })
    }
    if item.mechanism.plan.selectingStage != nil {
      alternatives.append(
        .init(name: TimingRecord.selectionName) { rotation.select(engine) })
    }
    let plan = plan(process: process)
    let timer = InterleavedTimer(plan: plan, yardstick: yardstick)
    let spent = yardstick?.spentNanoseconds ?? 0
    let result = try spend(.sampling) {
      let rounds = try timer.measure(
        alternatives, onRound: onStep.map { StepThrottle(plan: plan, onStep: $0).hear })
      return try alone(own, beside: rounds)
    }
    baseline?.callNanoseconds = try result.timing(of: Role.flashBaseline.rawValue).summary.median
    phases?.move(result.timedNanoseconds, from: .sampling, to: .timed)
    phases?.move(result.calibrationNanoseconds, from: .sampling, to: .calibration)
    phases?.move((yardstick?.spentNanoseconds ?? 0) - spent, from: .sampling, to: .peak)
    return result
  }

  /// `rounds` with samples of `own` back to back, where the suite asks for them.
  private func alone(
    _ own: Measurement.TimedAlternative, beside rounds: InterleavedTiming
  ) throws -> InterleavedTiming {
    guard timing.peakSamples > 0 else { return rounds }
    var plan = TimingPlan()
    plan.minimumRounds = timing.peakSamples
    plan.maximumRounds = timing.peakSamples
    plan.timeLimit = .milliseconds(Int64(timing.secondsPerCase * 1000 / 4))
    let timer = InterleavedTimer(plan: plan, yardstick: yardstick)
    return rounds.with(alone: try timer.measure([own]))
  }

  private typealias Role = ResultStore.TimedAlternative.Role

  private func prepare(_ item: CaseSpecification) throws -> any PreparedAttention {
    let weights = item.mechanism.drawWeights(sources.seed.child("weights"))
    return try spend(.preparation) {
      try Engines.prepare(item.mechanism.plan, weights: weights, context: execution)
    }
  }

  /// The share of one process: fewer rounds, less time, and an interval that is wider by the root
  /// of the number of processes, since all of them together reach the target.
  private func plan(process: Int) -> TimingPlan {
    let processes = max(timing.processes, 1)
    var plan = TimingPlan()
    plan.targetWidth = timing.targetWidth * Double(processes).squareRoot()
    plan.minimumRounds = max(2, (timing.minimumRounds + processes - 1) / processes)
    plan.maximumRounds = max(
      plan.minimumRounds, (timing.maximumRounds + processes - 1) / processes)
    plan.timeLimit = .milliseconds(Int64(timing.secondsPerCase / Double(processes) * 1000))
    let stream = process == 0 ? "timing" : "timing-\(process)"
    plan.seed = sources.seed.child(stream).value
    return plan
  }

  /// Dense attention in Float32 on the same inputs.
  private func flashBaseline(
    _ item: CaseSpecification, inputs: AttentionInputs
  ) throws -> Baseline {
    let shape = try CaseBounds.denseShape(item.shape)
    // A mixer's token features are no queries and keys.
    var input = item.input
    if case .tokens = inputs { input = .generated(.gaussian) }
    if let baseline, baseline.shape == shape, baseline.input == input, baseline.mode == item.cache {
      return baseline
    }
    let baseInputs = try spend(.inputs) {
      guard case .tokens = inputs else { return inputs }
      return try sources.inputs(input, kind: .queryKeyValue, shape: shape)
    }
    let plan = try Flash(NoParameters(), shape: shape).plan
    let engine = try spend(.preparation) { try Engines.prepare(plan, context: execution) }
    let rotation = spend(.inputs) {
      InputRotation(
        baseInputs, outputExtents: shape.outputExtents, mode: item.cache, cacheBytes: cacheBytes)
    }
    let made = Baseline(
      shape: shape, input: input, mode: item.cache, engine: engine, rotation: rotation)
    baseline = made
    return made
  }

  private func spend<Value>(_ phase: RunPhase, _ body: () throws -> Value) rethrows -> Value {
    guard let phases else { return try body() }
    return try phases.measure(phase, body)
  }
}
