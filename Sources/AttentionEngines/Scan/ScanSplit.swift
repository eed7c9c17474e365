// SPDX-License-Identifier: MIT

import AttentionCore

/// How the tokens of one head are cut into units of work.
///
/// It follows from the problem alone, so results are the same for any number of workers.
struct ScanSplit {
  /// Pieces of the keys, each with a state of its own, summed in order (without causality).
  let keyRanges: Int
  let keyRangeLength: Int
  /// Pieces of the queries that read a finished state (without causality).
  let queryRanges: Int
  static let queryRangeLength = 2048
  let causal: CausalTokens

  init(shape: AttentionShape) {
    let heads = shape.batch * shape.keyValueHeads
    // Many heads keep all workers busy; few heads are cut further, into at most 16 states each.
    let wanted = heads >= 16 ? 1 : min(16, (shape.keyLength + 2047) / 2048)
    // Whole kernel blocks of 64 tokens.
    keyRangeLength = ((shape.keyLength + wanted - 1) / wanted + 63) / 64 * 64
    keyRanges = (shape.keyLength + keyRangeLength - 1) / keyRangeLength
    queryRanges = (shape.queryLength + Self.queryRangeLength - 1) / Self.queryRangeLength
    causal = CausalTokens(shape: shape)
  }

  /// States of all heads: per piece, per worker or per key range.
  func stateCount(_ pieces: ScanPieces?, shape: AttentionShape, workers: Int) -> Int {
    if let pieces { return shape.batch * shape.queryHeads * pieces.count }
    return shape.isCausal ? workers : shape.batch * shape.keyValueHeads * keyRanges
  }

  func keys(range: Int, shape: AttentionShape) -> Range<Int> {
    let first = range * keyRangeLength
    return first..<min(first + keyRangeLength, shape.keyLength)
  }

  func queries(range: Int, shape: AttentionShape) -> Range<Int> {
    let first = range * Self.queryRangeLength
    return first..<min(first + Self.queryRangeLength, shape.queryLength)
  }
}

/// The tokens of a causal head in the order in which the state meets them.
struct CausalTokens {
  /// Queries before the first key: they see nothing.
  let blindQueries: Int
  /// Keys before the first query.
  let prefixKeys: Int
  /// Key and query at a time: the key is added, then the query reads.
  let pairs: Int
  /// Queries after the last key: they see all keys.
  let lateQueries: Int

  init(shape: AttentionShape) {
    let offset = shape.causality == .bottomRight ? shape.keyLength - shape.queryLength : 0
    blindQueries = max(-offset, 0)
    prefixKeys = max(offset, 0)
    pairs = min(shape.queryLength - blindQueries, shape.keyLength - prefixKeys)
    lateQueries = shape.queryLength - blindQueries - pairs
  }

  var keys: Int { prefixKeys + pairs }
  var seeingQueries: Int { pairs + lateQueries }
}

extension Scan {
  /// What the engine must count at `shape`.
  ///
  /// Without causality all query heads of a group read the state of their key-value head; a causal
  /// scan carries a state per query head, and maps keys once more where it is cut into pieces.
  func expectedCounts(shape: AttentionShape) -> EngineCounts {
    let causal = CausalTokens(shape: shape)
    let queryHeads = shape.batch * shape.queryHeads
    let repeatedKeys = ScanPieces(self, shape: shape)?.repeatedKeys ?? 0
    let keyTokens =
      shape.isCausal
      ? queryHeads * (causal.keys + repeatedKeys)
      : shape.batch * shape.keyValueHeads * shape.keyLength
    let queryTokens = queryHeads * (shape.isCausal ? causal.seeingQueries : shape.queryLength)
    var counts = EngineCounts()
    switch featureMap {
    case .identity, .relu: break
    case .elu1, .positiveRandom:
      counts.exponentials =
        (keyTokens + queryTokens) * featureMap.featureDim(headDim: shape.headDim)
    }
    counts.bytesRead =
      4 * (keyTokens * (shape.headDim + shape.valueDim) + queryTokens * shape.headDim)
    counts.bytesWritten = 4 * queryHeads * shape.queryLength * shape.valueDim
    return counts
  }
}
