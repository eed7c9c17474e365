// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms

/// A case at its own size, or at the nearest smaller one that costs no more than is affordable.
public struct ReducedProblem {
  public let mechanism: any AttentionMechanism
  public let input: InputSpecification

  /// Multiply-adds of dense attention that valgrind executes in about a second.
  public static let countableWork = 20_000_000

  /// Reduces `item` until its dense form takes `affordableWork` multiply-adds, if it can.
  public init(_ item: CaseSpecification, affordableWork: Int) throws {
    mechanism = try Self.affordable(item, affordableWork)
    input =
      mechanism.plan.shape == item.shape ? item.input : .generated(item.input.generatedForm)
  }

  public var shape: AttentionShape { mechanism.plan.shape }

  private static func affordable(
    _ item: CaseSpecification, _ affordableWork: Int
  ) throws -> any AttentionMechanism {
    if cost(item.shape) <= affordableWork { return item.mechanism }
    let entry = try MechanismCatalogue.entry(item.mechanismID)
    for shape in reductions(of: item.shape, length: item.mechanism.verificationLength) {
      if let mechanism = try? entry.make(item.overrides, shape: shape) { return mechanism }
    }
    return item.mechanism
  }

  private static func cost(_ shape: AttentionShape) -> Int {
    shape.batch * shape.queryHeads * shape.queryLength * shape.keyLength
      * (shape.headDim + shape.valueDim)
  }

  /// Smaller problems with the same head sizes, smallest first.
  private static func reductions(of shape: AttentionShape, length: Int) -> [AttentionShape] {
    let keyValueHeads = min(shape.keyValueHeads, 2)
    let queryHeads = keyValueHeads * min(shape.headGroup, 2)
    let extra = shape.keyLength - shape.queryLength
    if let grid = shape.grid {
      return [8, 6, 4, 3, 2, 1].compactMap { divisor in
        let axes = grid.values.map { max(($0 + divisor - 1) / divisor, min($0, 5)) }
        let tokens = axes.reduce(1, *)
        return try? shape.with(
          batch: 1, queryHeads: queryHeads, keyValueHeads: keyValueHeads, queryLength: tokens,
          keyLength: tokens + extra, grid: Extents(axes))
      }
    }
    return [197, 333, 500, 1000, 2000, shape.queryLength].compactMap { candidate in
      let queries = min(max(candidate, length), shape.queryLength)
      return try? shape.with(
        batch: 1, queryHeads: queryHeads, keyValueHeads: keyValueHeads, queryLength: queries,
        keyLength: max(queries + min(max(extra, -queries + 1), 67), 1))
    }
  }
}

extension InputSpecification {
  /// The kind to generate where captured tensors do not fit a reduced shape.
  var generatedForm: GeneratedInput {
    if case .generated(let input) = self { input } else { .gaussian }
  }
}
