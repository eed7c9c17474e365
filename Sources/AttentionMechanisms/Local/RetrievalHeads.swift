// SPDX-License-Identifier: MIT

import AttentionCore

/// Which key-value heads keep all their keys: given ones, or those whose drawn gates are highest.
///
/// Published methods find these heads with calibration data; without it gates come from a seed.
struct RetrievalHeads {
  /// Key-value heads that keep everything.
  let heads: Set<Int>

  /// - Throws: ``MechanismError/outOfRange(parameter:value:rule:)`` for a share outside 0...1 or a
  ///   head that does not exist.
  init(
    given: HeadSet, share: Double, seed: Int, stream: String, shape: AttentionShape
  ) throws(MechanismError) {
    guard (0...1).contains(share) else {
      throw .outOfRange(
        parameter: "retrievalShare", value: "\(share)", rule: "it must lie in 0...1")
    }
    guard given.heads.allSatisfy({ (0..<shape.keyValueHeads).contains($0) }) else {
      throw .outOfRange(
        parameter: "retrievalHeads", value: given.parameterText,
        rule: "key-value heads are 0...\(shape.keyValueHeads - 1)")
    }
    guard given.heads.isEmpty else {
      heads = given.heads
      return
    }
    var generator = SplitMix64(
      seed: Seed(UInt64(bitPattern: Int64(seed))).child("\(stream)/gates"))
    let order = (0..<shape.keyValueHeads).shuffled(using: &generator)
    heads = Set(order.prefix(Int((share * Double(shape.keyValueHeads)).rounded())))
  }
}
