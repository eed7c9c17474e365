// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import Foundation
import SuiteRunner
import Testing

/// Inputs that are numbers and nothing better, and inputs that are none: the policy of
/// Documentation/Robustness.md over the whole catalogue.
@Suite struct StressTests {
  private static let intruders: [Float] = [.nan, .infinity, -.infinity]

  /// The problem of the smallest pattern that a card has, with two batch elements where it can.
  private static func problem(_ item: ContractCase, length: Int = 65) throws -> ContractProblem {
    let shapes = try item.shapes(length: length)
    let shape = try #require(shapes.first)
    let doubled = try shape.with(batch: 2)
    return try ContractProblem(item, shape: doubled)
  }

  /// A NaN or an infinity makes no kernel trap, hang or write elsewhere, and nothing of it reaches
  /// another element of the batch.
  @Test(.timeLimit(.minutes(2)), arguments: ContractCase.all)
  func whatIsNoNumberStaysInItsBatchElement(item: ContractCase) throws {
    let problem = try Self.problem(item)
    let plain = try problem.run(Contexts.best).output
    for intruder in Self.intruders {
      for tensor in 0..<3 {
        let inputs = problem.inputs.planting(intruder, inTensor: tensor)
        let output = try problem.run(Contexts.best, inputs: inputs).output
        // Its scales come from the spread of all queries and keys, whatever their batch element.
        if item.id == "log-normal" { continue }
        let half = output.count / 2
        #expect(
          (half..<output.count).allSatisfy { output[$0].bitPattern == plain[$0].bitPattern },
          "\(intruder) in tensor \(tensor) reached the second batch element")
      }
    }
  }

  /// Exact attention does not hide what it was given: a NaN in a value row is in every row of the
  /// output that sees it, and in its column only.
  @Test func exactAttentionShowsWhatItWasGiven() throws {
    let shape = try AttentionShape(queryHeads: 2, queryLength: 65, headDim: 64)
    for id in ["flash", "dense-naive", "dense-blas", "split-kv"] {
      let entry = try MechanismCatalogue.entry(id)
      guard entry.card.patterns.contains(.noncausalSelf) else { continue }
      let problem = try ContractProblem(ContractCase(id), shape: shape)
      for context in Contexts.single {
        let inputs = problem.inputs.planting(.nan, inTensor: 2)
        let output = try problem.run(context, inputs: inputs).output
        for row in 0..<65 { #expect(output[row * 64 + 3].isNaN, "\(id), row \(row)") }
        #expect(output[0].isFinite && output[65 * 64 + 3].isFinite)
      }
    }
  }

  /// Scores of ten thousand: the softmax is a maximum, and nothing overflows on the way to it.
  @Test func logitsOfTenThousandFollowTheOracle() throws {
    for item in ContractCase.all {
      let card = try item.card
      guard card.exactness == .exact || card.exactness == .maskedExact, card.inputs != .tokens
      else { continue }
      for shape in try item.shapes(length: 65).prefix(1) {
        let problem = try ContractProblem(item, shape: shape, scaledTo: 1e4)
        for context in Contexts.single {
          let (output, engine) = try problem.run(context)
          let comparison = OutputComparison(output, problem.oracle(engine.selection))
          // A score of 1e4 carries a rounding of 1e4 * 2^-24 * sqrt(headDim) = 5e-3 into the
          // exponent, and rows whose two best scores lie that close show it.
          #expect(
            comparison.relativeL2 < 2e-2, "\(item) \(context.kernels.instructionSet.rawValue)")
        }
      }
    }
  }

  @Test(arguments: ContractCase.all)
  func denormalAndConstantInputsGiveNumbers(item: ContractCase) throws {
    for shape in try item.shapes(length: 65).prefix(1) {
      let problem = try ContractProblem(item, shape: shape)
      let denormal = problem.inputs.scaled(by: Float(bitPattern: 71_362))
      for inputs in [denormal, problem.inputs.withConstantKeys(0.5)] {
        let output = try problem.run(Contexts.best, inputs: inputs).output
        #expect(output.array.allSatisfy { $0.isFinite }, "\(shape)")
      }
    }
  }

  /// Equal keys share their weight: the output is the mean of the values that a query sees.
  @Test func constantKeysGiveTheMeanOfTheValues() throws {
    let shape = try AttentionShape(
      queryHeads: 2, queryLength: 50, headDim: 16, causality: .bottomRight)
    let problem = try ContractProblem(ContractCase("flash"), shape: shape)
    let inputs = problem.inputs.withConstantKeys(0.5)
    guard case .queryKeyValue(_, _, let value) = inputs else { return }
    for context in Contexts.single {
      let output = try problem.run(context, inputs: inputs).output
      var sum: Float = 0
      for row in 0..<50 {
        sum += value[row * 16]
        // Fifty additions of numbers of size 1.
        #expect(abs(output[row * 16] - sum / Float(row + 1)) < 1e-5)
      }
    }
  }

  /// Queries before the first key: zeros, whatever the kernel.
  @Test func rowsWithoutAnyKeyAreZeros() throws {
    let shape = try AttentionShape(
      queryHeads: 2, queryLength: 70, keyLength: 20, headDim: 16, causality: .bottomRight)
    for id in MechanismCatalogue.ids {
      let entry = try MechanismCatalogue.entry(id)
      guard entry.card.inputs == .queryKeyValue,
        entry.card.exactness == .exact || entry.card.exactness == .maskedExact,
        (try? entry.make([:], shape: shape)) != nil
      else { continue }
      let problem = try ContractProblem(ContractCase(id), shape: shape)
      for context in Contexts.single {
        let output = try problem.run(context).output
        #expect((0..<50 * 16).allSatisfy { output[$0] == 0 }, "\(id)")
        #expect(output.array.allSatisfy { $0.isFinite }, "\(id)")
      }
    }
  }

  @Test(arguments: ContractCase.all)
  func aSecondRunGivesTheSameBits(item: ContractCase) throws {
    for shape in try item.shapes(length: 65).prefix(1) {
      let problem = try ContractProblem(item, shape: shape)
      let first = try problem.run(Contexts.best).output
      let second = try problem.run(Contexts.best).output
      #expect(first.array.map(\.bitPattern) == second.array.map(\.bitPattern))
    }
  }

  /// Two million tokens, in `make torture`: sums of that length keep a constant value.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["ATTNBENCH_LONG"] != nil))
  func twoMillionTokensOfLinearAttention() throws {
    for causality in [Causality.none, .bottomRight] {
      let shape = try AttentionShape(
        queryLength: 1 << 21, headDim: 16, causality: causality)
      for id in ["linear", "performer"] {
        let item = ContractCase(id)
        guard try item.card.patterns.contains(AttentionPattern(of: shape)) else { continue }
        let problem = try ContractProblem(item, shape: shape)
        guard case .queryKeyValue(let query, let key, let value) = problem.inputs else { continue }
        value.elements.update(repeating: 0.75)
        let inputs = AttentionInputs.queryKeyValue(query: query, key: key, value: value)
        let output = try problem.run(Contexts.best, inputs: inputs).output
        // Numerator and denominator are Float32 sums of 2^21 terms with roundings of their own: at
        // worst 2^21 * 2^-24 apart, in fact the root of that.
        #expect(output.array.allSatisfy { abs($0 - 0.75) < 5e-3 }, "\(id) \(causality)")
      }
    }
  }
}

extension ContractProblem {
  /// Gaussian inputs whose largest score is about `score`.
  fileprivate init(_ item: ContractCase, shape: AttentionShape, scaledTo score: Float) throws {
    try self.init(item, shape: shape)
    guard case .queryKeyValue(let query, _, _) = inputs else { return }
    // Products of unit variates over headDim have the root of that as their deviation.
    let factor = score / (4 * Float(shape.softmaxScale) * Float(shape.headDim).squareRoot())
    for index in 0..<query.count { query[index] *= factor }
  }
}

extension AttentionInputs {
  /// A copy with one element of the fourth column of the first row of a tensor replaced.
  fileprivate func planting(_ number: Float, inTensor tensor: Int) -> AttentionInputs {
    switch self {
    case .queryKeyValue(let query, let key, let value):
      let tensors = [query, key, value].map { Tensor<Float>($0.extents, $0.array) }
      tensors[tensor][3] = number
      return .queryKeyValue(query: tensors[0], key: tensors[1], value: tensors[2])
    case .tokens(let tokens):
      let copy = Tensor<Float>(tokens.extents, tokens.array)
      copy[3] = number
      return .tokens(copy)
    }
  }

  fileprivate func scaled(by factor: Float) -> AttentionInputs {
    let scale = { (tensor: Tensor<Float>) in
      Tensor<Float>(tensor.extents, tensor.array.map { $0 * factor })
    }
    return switch self {
    case .queryKeyValue(let query, let key, let value):
      .queryKeyValue(query: scale(query), key: scale(key), value: scale(value))
    case .tokens(let tokens): .tokens(scale(tokens))
    }
  }

  fileprivate func withConstantKeys(_ number: Float) -> AttentionInputs {
    guard case .queryKeyValue(let query, let key, let value) = self else { return self }
    let keys = Tensor<Float>(key.extents, [Float](repeating: number, count: key.count))
    return .queryKeyValue(query: query, key: keys, value: value)
  }
}
