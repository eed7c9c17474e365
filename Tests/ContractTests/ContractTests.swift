// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import SuiteRunner
import Testing

/// What every registered mechanism must fulfil, whatever it computes.
@Suite struct ContractTests {
  /// Below, at and above the tile sizes, a prime, and one that no tile divides.
  static let lengths = [1, 63, 65, 197, 500]

  @Test(arguments: ContractCase.all, lengths)
  func everyKernelTableAgreesWithTheOracleAndCountsItsWork(
    item: ContractCase, length: Int
  ) throws {
    // One length is enough where there is no other.
    guard !item.fixesLength || length == Self.lengths[0] else { return }
    for shape in try item.shapes(length: length) {
      let problem = try ContractProblem(item, shape: shape)
      let tolerance = Tolerance(problem.mechanism.plan)
      var reference: ReferenceOutput?
      for context in Contexts.single {
        let (output, engine) = try problem.run(context)
        // Selections have the same bits in every table, so one oracle serves all; but blocks are
        // left out strip by strip, as wide as the table has them.
        let isOwn = engine.selection?.leftOut != nil
        let oracle = (isOwn ? nil : reference) ?? problem.oracle(engine.selection)
        reference = oracle
        let comparison = OutputComparison(output, oracle)
        #expect(
          comparison.relativeL2 <= tolerance.relativeL2,
          "\(shape) \(context.kernels.instructionSet.rawValue)")
        #expect(engine.counts.exact == engine.expectedCounts)
      }
    }
  }

  @Test(arguments: ContractCase.all)
  func threadsDoNotChangeABit(item: ContractCase) throws {
    for shape in try item.shapes(length: 197) {
      let problem = try ContractProblem(item, shape: shape)
      let single = try problem.run(Contexts.best).output
      let pair = try problem.run(Contexts.pair).output
      #expect(single.array == pair.array)
    }
  }

  @Test(arguments: ContractCase.all)
  func selectionsAreValidAndTheSameInEveryTable(item: ContractCase) throws {
    for shape in try item.shapes(length: 333) {
      let problem = try ContractProblem(item, shape: shape, input: .sinkLocal)
      var first: [Int32]?
      for context in Contexts.single {
        guard let selection = try problem.run(context).engine.selection else { continue }
        #expect(selection.ids == first ?? selection.ids)
        first = selection.ids
        let defects = problem.mechanism.selectionDefects(
          ReferenceProblem(
            shape: shape, inputs: problem.inputs, weights: problem.weights, selection: selection))
        #expect(defects.isEmpty, "\(defects.prefix(3))")
      }
    }
  }

  @Test(arguments: ContractCase.all)
  func aConstantValueIsReproduced(item: ContractCase) throws {
    guard try item.card.laws.contains(.rowStochastic) else { return }
    for shape in try item.shapes(length: 197) {
      let problem = try ContractProblem(item, shape: shape)
      guard case .queryKeyValue(let query, let key, let value) = problem.inputs else { continue }
      value.elements.update(repeating: 0.75)
      let output = try problem.run(
        Contexts.best, inputs: .queryKeyValue(query: query, key: key, value: value)
      ).output
      // Weights sum to 1 up to the rounding of a few hundred Float32 additions.
      #expect(output.array.allSatisfy { abs($0 - 0.75) < 1e-5 })
    }
  }

  @Test(arguments: ContractCase.all)
  func permutedHeadsGivePermutedOutputs(item: ContractCase) throws {
    guard try item.card.laws.contains(.headEquivariant) else { return }
    for shape in try item.shapes(length: 65) where shape.headGroup == 1 {
      let problem = try ContractProblem(item, shape: shape)
      guard case .queryKeyValue(let query, let key, let value) = problem.inputs else { continue }
      let plain = try problem.run(Contexts.best).output
      let rotated = try problem.run(
        Contexts.best,
        inputs: .queryKeyValue(
          query: query.rotatingHeads(), key: key.rotatingHeads(), value: value.rotatingHeads())
      ).output
      #expect(plain.rotatingHeads().array == rotated.array)
    }
  }

  @Test(arguments: ContractCase.all)
  func futureKeysChangeNothing(item: ContractCase) throws {
    guard try item.card.laws.contains(.causal) else { return }
    for shape in try item.shapes(length: 197) where shape.causality == .bottomRight {
      let problem = try ContractProblem(item, shape: shape)
      guard case .queryKeyValue(let query, let key, let value) = problem.inputs else { continue }
      let before = try problem.run(Contexts.best).output
      let queries = shape.queryLength / 2
      let keys = shape.visibleKeys(query: queries - 1)
      let after = try problem.run(
        Contexts.best,
        inputs: .queryKeyValue(
          query: query, key: key.negating(rowsFrom: keys), value: value.negating(rowsFrom: keys))
      ).output
      // Quantisation scales and smoothing means span all keys, so only unquantised kernels are
      // exact; the others move by a step of their codes.
      let slack: Float = problem.mechanism.card.exactness == .quantised ? 0.05 : 1e-5
      for matrix in 0..<shape.batch * shape.queryHeads {
        let start = matrix * shape.queryLength * shape.valueDim
        for index in start..<start + queries * shape.valueDim {
          #expect(abs(before[index] - after[index]) <= slack)
        }
      }
    }
  }

  @Test(arguments: ContractCase.all)
  func extremeLogitsStayFinite(item: ContractCase) throws {
    for shape in try item.shapes(length: 65) {
      let problem = try ContractProblem(item, shape: shape, input: .rareLarge)
      guard case .queryKeyValue(let query, let key, let value) = problem.inputs else { continue }
      // Identity features without a normaliser sum what they are given: nothing bounds them.
      guard problem.mechanism.card.family != .scan else { continue }
      for index in 0..<query.count { query[index] *= 40 }
      let output = try problem.run(
        Contexts.best, inputs: .queryKeyValue(query: query, key: key, value: value)
      ).output
      #expect(output.array.allSatisfy { $0.isFinite })
    }
  }
}

extension Tensor<Float> {
  /// A copy in which head `h` holds what head `h + 1` held.
  fileprivate func rotatingHeads() -> Tensor<Float> {
    let copy = Tensor<Float>(extents)
    let (heads, size) = (extents[1], extents[2] * extents[3])
    for index in 0..<count {
      let (matrix, offset) = index.quotientAndRemainder(dividingBy: size)
      let (batch, head) = matrix.quotientAndRemainder(dividingBy: heads)
      copy[index] = self[(batch * heads + (head + 1) % heads) * size + offset]
    }
    return copy
  }

  /// A copy with the rows from `first` on negated in every matrix.
  fileprivate func negating(rowsFrom first: Int) -> Tensor<Float> {
    let copy = Tensor<Float>(extents)
    for index in 0..<count {
      let row = index / extents[3] % extents[2]
      copy[index] = row < first ? self[index] : -self[index]
    }
    return copy
  }
}
