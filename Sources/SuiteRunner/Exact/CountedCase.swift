// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import Measurement

/// A case at an affordable size, prepared so that every run of it executes the same instructions.
public final class CountedCase {
  public let problem: ReducedProblem
  public let engine: any PreparedAttention
  public let output: Tensor<Float>
  private let inputs: AttentionInputs

  /// Prepares `item` and runs it once, so that nothing is done for the first time later.
  ///
  /// Its size is reduced to `affordableWork` multiply-adds of dense attention.
  ///
  /// - Throws: ``EngineError`` if no engine takes the plan.
  public init(
    _ item: CaseSpecification, seed: Seed, execution: ExecutionContext,
    affordableWork: Int = ReducedProblem.countableWork
  ) throws {
    FourierPlanning.makeRepeatable()
    let sources = InputSource(seed: seed)
    problem = try ReducedProblem(item, affordableWork: affordableWork)
    let mechanism = problem.mechanism
    inputs = try sources.inputs(problem.input, kind: mechanism.card.inputs, shape: problem.shape)
    engine = try Engines.prepare(
      mechanism.plan, weights: mechanism.drawWeights(seed.child("weights")), context: execution)
    output = Tensor<Float>(mechanism.outputExtents)
    engine.run(inputs, into: output)
  }

  /// Runs the case `repetitions` times.
  public func run(repetitions: Int) {
    for _ in 0..<repetitions { engine.run(inputs, into: output) }
  }

  /// A hash of the output's bits after one more run into poisoned memory.
  public func outputHash() -> String {
    output.poison()
    run(repetitions: 1)
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for index in 0..<output.count {
      hash = (hash ^ UInt64(output.base[index].bitPattern)) &* 0x100_0000_01B3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Allocations of one run, or nil where they cannot be counted.
  public func allocations() -> Int? { AllocationCount.during { run(repetitions: 1) } }

  /// What runs, in words: it tells apart counts and bits that need not agree.
  public static func label(kernels: KernelTable, library: String, shape: AttentionShape) -> String {
    "\(kernels.instructionSet.rawValue) kernels, OpenBLAS \(library), \(shape)"
  }
}
