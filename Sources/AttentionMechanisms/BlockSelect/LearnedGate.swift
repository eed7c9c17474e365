// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// The gate of SeerAttention: queries by their mean, blocks of keys by extrema and mean, both mapped
/// by one matrix per head and rotated by their position.
///
/// Weights: `queryGate` `[queryHeads, gateDim, headDim]` and `keyGate`
/// `[keyValueHeads, gateDim, 3 headDim]`.
struct LearnedGate {
  let gateDim: Int
  /// Tokens per step of the positions.
  let step: Int

  private static let rotaryBase = 10_000.0

  /// What products are multiplied by before their softmax.
  var scale: Double { 1 / Double(gateDim).squareRoot() }

  static func check(gateDim: Int) throws(MechanismError) {
    guard gateDim >= 2, gateDim.isMultiple(of: 2) else {
      throw .outOfRange(
        parameter: "gateDim", value: "\(gateDim)",
        rule: "it must be even and at least 2: features are rotated in pairs")
    }
  }

  /// The features follow from given gates.
  static func overrides(impliedBy weights: [String: [Int]]) -> [String: String] {
    guard let extents = weights["queryGate"], extents.count == 3 else { return [:] }
    return ["gateDim": String(extents[1])]
  }

  /// Products of gates, as a softmax over blocks or as they are.
  func product(isSoftmax: Bool) -> FeatureProduct {
    let projection = { (name: String) in
      FeatureProjection(
        weight: name, width: gateDim, rotaryBase: Self.rotaryBase, rotaryStep: step)
    }
    return FeatureProduct(
      query: PooledFeature([.mean], projection: projection("queryGate")),
      key: PooledFeature([.maximum, .minimum, .mean], projection: projection("keyGate")),
      form: isSoftmax ? .softmax(scale: scale) : .raw)
  }

  func weightSpecifications(shape: AttentionShape) -> [WeightSpecification] {
    let meaning = "gate of one head, N(0, 1 / inputs)"
    return [
      WeightSpecification(
        name: "queryGate", extents: [shape.queryHeads, gateDim, shape.headDim],
        layout: "[queryHeads, gateDim, headDim]", meaning: meaning),
      WeightSpecification(
        name: "keyGate", extents: [shape.keyValueHeads, gateDim, 3 * shape.headDim],
        layout: "[keyValueHeads, gateDim, 3 headDim]", meaning: meaning),
    ]
  }

  /// Features in Double of blocks of keys of one key-value head.
  func keys(
    _ rows: Rows, blocks: [[Int]], weights: WeightSet, keyValueHead: Int
  ) -> [[Double]] {
    let gate = GateReference.matrix(weights["keyGate"], index: keyValueHead)
    return blocks.map { block in
      rotated(
        GateReference.product(gate, GateReference.extremaAndMean(rows, block)),
        at: block.first ?? 0)
    }
  }

  /// The feature of something whose first token is `token`.
  func rotated(_ feature: [Double], at token: Int) -> [Double] {
    GateReference.rotated(feature, by: token / step, base: Self.rotaryBase)
  }
}
