// SPDX-License-Identifier: MIT

/// Which keys a query attends to, known before the data.
public enum MaskRule: Hashable, Sendable {
  /// What the shape's causality allows.
  case sequence
  case neighborhood(NeighborhoodMask)
  /// A key pattern for every query head.
  case patterns(HeadPatterns)

  /// Attended pairs of all query heads of one batch element.
  public func attendedPairsOfHeads(shape: AttentionShape) -> Int {
    guard case .patterns(let heads) = self else {
      return shape.queryHeads * attendedPairs(shape: shape)
    }
    return heads.attendedPairs
  }

  /// Attended pairs of one head at `shape`; the mean over heads, rounded down, where they differ.
  public func attendedPairs(shape: AttentionShape) -> Int {
    switch self {
    case .patterns(let heads): return heads.attendedPairs / shape.queryHeads
    case .neighborhood(let mask): return mask.attendedPairs
    case .sequence:
      guard shape.isCausal else { return shape.queryLength * shape.keyLength }
      // Keys seen grow by one per query from `first`, clamped to 0 and keyLength.
      let first = shape.visibleKeys(query: 0)
      let last = shape.visibleKeys(query: shape.queryLength - 1)
      guard last > first else { return shape.queryLength * first }
      let rising = (first + last) * (last - first + 1) / 2
      // Top-left with more queries than keys: the queries after the last key see them all.
      let after = shape.causality == .topLeft ? max(shape.queryLength - shape.keyLength, 0) : 0
      return rising + after * last
    }
  }

  /// Summaries that stand beside the keys, if any.
  public var summaries: KeySummaries? {
    guard case .patterns(let heads) = self else { return nil }
    return heads.summaries
  }
}
