// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// How a long causal head is cut into pieces whose states are summed apart from each other.
///
/// A state that runs through `n` tokens is rounded `n` times at its own size, and where all terms
/// have one sign a term below half of its last place is lost altogether: up to `n 2^-25` of the sum.
/// Here a state only runs through a piece. It begins with the sum, in Double, of what the pieces
/// before it add up to by themselves. Keys are read and mapped twice for that, which buys as many
/// units of work as there are pieces.
struct ScanPieces {
  /// Keys up to which one state runs through the whole head.
  static let unbrokenKeys = 1 << 17
  static let length = 1 << 14

  let tokens: CausalTokens
  /// Pieces of the keys ahead of the first query: summed, never scanned.
  let prefixCount: Int
  /// Pieces of pairs of a key and a query.
  let pairCount: Int
  /// Pieces of all keys, for their largest projections.
  let maximumCount: Int

  /// Nil where a state runs through the whole head: with few keys, and where it forgets them.
  init?(_ stage: Scan, shape: AttentionShape) {
    tokens = CausalTokens(shape: shape)
    guard shape.isCausal, stage.decay == .none, tokens.keys > Self.unbrokenKeys else { return nil }
    prefixCount = Self.count(tokens.prefixKeys)
    pairCount = Self.count(tokens.pairs)
    maximumCount = Self.count(shape.keyLength)
  }

  private static func count(_ tokens: Int) -> Int { (tokens + length - 1) / length }

  private static func cut(_ index: Int, of tokens: Range<Int>) -> Range<Int> {
    let first = tokens.lowerBound + index * length
    return first..<min(first + length, tokens.upperBound)
  }

  var count: Int { prefixCount + pairCount }

  /// Keys of a piece.
  func keys(_ piece: Int) -> Range<Int> {
    piece < prefixCount
      ? Self.cut(piece, of: 0..<tokens.prefixKeys)
      : Self.cut(piece - prefixCount, of: tokens.prefixKeys..<tokens.keys)
  }

  /// Pairs of the piece that is the `index`-th to have any, counted from the first pair.
  func pairs(_ index: Int) -> Range<Int> { Self.cut(index, of: 0..<tokens.pairs) }

  /// Keys of a piece of all keys.
  func maximumKeys(_ index: Int, keyLength: Int) -> Range<Int> {
    Self.cut(index, of: 0..<keyLength)
  }

  /// Keys that are both summed and scanned: those of pairs, but for the last piece.
  var repeatedKeys: Int { tokens.pairs - keys(count - 1).count }

  /// Replaces the states of the pieces by what their scans begin with.
  ///
  /// States are `stride` floats apart; `size` floats of each are sums, and the last piece has none
  /// of its own.
  func carry(
    _ states: UnsafeMutablePointer<Float>, stride: Int, size: Int
  ) {
    for index in 0..<size {
      var sum = 0.0
      for piece in 0..<count {
        let at = states + piece * stride + index
        let own = piece < count - 1 ? Double(at.pointee) : 0
        at.pointee = Float(sum)
        sum += own
      }
    }
  }
}
