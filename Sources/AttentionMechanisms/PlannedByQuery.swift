// SPDX-License-Identifier: MIT

import AttentionCore

/// A mechanism whose mask is planned query by query, which bounds the sequences that it takes.
///
/// Time and memory of such a plan grow with the queries, before anything is run. Masks of windows
/// that slide over a grid, and everything that has no mask of its own, are planned in closed form.
protocol PlannedByQuery: AttentionMechanism {
  /// Whether these parameters need such a plan at all.
  static func isPlannedByQuery(_ parameters: Parameters) -> Bool
  /// Queries or keys that a plan may have.
  static var mostTokens: Int { get }
}

/// A mechanism that chooses from the data, whose plan knows where every row and block begins.
protocol PlannedByBlock: PlannedByQuery {}

extension PlannedByBlock {
  static var mostTokens: Int { PlanLimits.mostTokensOfBlocks }
}

extension PlannedByQuery {
  static var mostTokens: Int { PlanLimits.mostTokens }
  static func isPlannedByQuery(_ parameters: Parameters) -> Bool { true }

  /// - Throws: ``MechanismError/unsupportedShape(mechanism:shape:rule:)`` for sequences that would
  ///   take seconds and gigabytes to plan.
  static func checkLength(
    anyParameters: any MechanismParameters, shape: AttentionShape
  ) throws(MechanismError) {
    guard let parameters = anyParameters as? Parameters, isPlannedByQuery(parameters) else {
      return
    }
    for (name, count) in [("queries", shape.queryLength), ("keys", shape.keyLength)]
    where count > mostTokens {
      throw .unsupportedShape(
        mechanism: card.id, shape: shape.description,
        rule: "it is planned token by token, for at most \(mostTokens) \(name), "
          + "and there are \(count); use a shorter sequence or a smaller grid")
    }
  }
}

extension PlannedByQuery {
  /// Checks that pairs of blocks can be looked at one by one, for every query head.
  ///
  /// - Throws: ``MechanismError/outOfRange(parameter:value:rule:)`` about `blockSize`.
  static func checkBlocks(
    size: Int, shape: AttentionShape
  ) throws(MechanismError) {
    let blocks = (shape.keyLength - 1) / max(size, 1) + 1
    let pairs = Extents([shape.queryHeads, blocks, blocks]).checkedCount ?? .max
    guard pairs > PlanLimits.mostBlockPairs else { return }
    throw .outOfRange(
      parameter: "blockSize", value: "\(size)",
      rule: "\(blocks) blocks have \(pairs) pairs over \(shape.queryHeads) heads, at most "
        + "\(PlanLimits.mostBlockPairs); use larger blocks")
  }
}

/// What planning may cost.
enum PlanLimits {
  /// Queries or keys of a mask that is planned query by query: more than twice those of the longest
  /// video that its mechanisms were published with.
  static let mostTokens = 1 << 18
  /// Queries or keys of a plan of rows and blocks: a few numbers for each.
  static let mostTokensOfBlocks = 1 << 24
  /// Pairs of tokens, blocks or frames that a plan looks at one by one.
  static let mostSteps = 1 << 29
  /// Pairs of blocks of all heads, for each of which a plan may draw a number.
  static let mostBlockPairs = 1 << 28
  /// Spans of keys that a plan holds.
  static let mostSpans = 1 << 24
}

extension AShape: PlannedByQuery {}
extension BigBird: PlannedByQuery {}
extension BlockRank: PlannedByQuery {}
extension BlockSparseFlash: PlannedByQuery {}
extension CircularWindow: PlannedByQuery {}
extension DuoAttention: PlannedByQuery {}
extension FastGen: PlannedByQuery {}
extension Flex: PlannedByQuery {}
extension Halo: PlannedByQuery {}
extension LinearBiases: PlannedByQuery {}
extension Longformer: PlannedByQuery {}
extension MaxViT: PlannedByQuery {}

extension MemoryEfficient: PlannedByQuery {
  static func isPlannedByQuery(_ parameters: Parameters) -> Bool { parameters.extraLogit }
}

extension MixtureOfSpans: PlannedByQuery {}
extension MultiScaleWindow: PlannedByQuery {}
extension Radial: PlannedByQuery {}
extension RazorAttention: PlannedByQuery {}
extension ResidualWindow: PlannedByQuery {}
extension ShardedAttention: PlannedByQuery {}
extension ShiftedChunks: PlannedByQuery {}
extension ShiftedGroups: PlannedByQuery {}
extension SlidingTile: PlannedByQuery {}
extension SparseTransformer: PlannedByQuery {}
extension SparseVideoGen: PlannedByQuery {}
extension SwinWindow: PlannedByQuery {}
extension Twins: PlannedByQuery {}

extension BiFormer: PlannedByBlock {}
extension DHSA: PlannedByBlock {}
extension DSV: PlannedByBlock {}
extension HiP: PlannedByBlock {}
extension Landmark: PlannedByBlock {}
extension LongHeads: PlannedByBlock {}
extension MInferenceBlock: PlannedByBlock {}
extension MInferenceVerticalSlash: PlannedByBlock {}
extension MoBA: PlannedByBlock {}
extension NSA: PlannedByBlock {}
extension PARO: PlannedByBlock {}
extension PBS: PlannedByBlock {}
extension PSA: PlannedByBlock {}
extension ProxyAttn: PlannedByBlock {}
extension SALE: PlannedByBlock {}
extension Seer: PlannedByBlock {}
extension SeerR: PlannedByBlock {}
extension Sparge: PlannedByBlock {}
extension VMoBA: PlannedByBlock {}
