// SPDX-License-Identifier: MIT

import AttentionCore

/// Which places of which frames see each other under radial attention.
struct RadialRule {
  let frames: Int
  let frameTokens: Int
  let blockSize: Int
  let decay: Double
  let isWan: Bool

  /// How far apart two places may be in frames `distance` apart.
  ///
  /// Nil where the frames do not see each other; frame 0, which everyone sees, is another matter.
  func reach(distance: Int) -> Int? {
    let length = decayed(distance: distance)
    if length < Double(blockSize) {
      guard distance.isMultiple(of: Int(Double(blockSize) / length)) else { return nil }
    }
    switch distance {
    case 0: return frameTokens
    case 1: return isWan ? frameTokens / 2 : frameTokens
    default: return Int(max(length * decay, Double(blockSize)))
    }
  }

  /// `2^bitlength(frameTokens) / 2^bitlength(distance)`.
  private func decayed(distance: Int) -> Double {
    let exponent = Self.bitLength(frameTokens) - Self.bitLength(distance)
    return exponent >= 0 ? Double(1 << exponent) : 1 / Double(1 << -exponent)
  }

  private static func bitLength(_ number: Int) -> Int {
    Int.bitWidth - number.leadingZeroBitCount
  }

  /// The keys of the token mask that `query` sees; none for text.
  func spans(query: Int) -> [Range<Int>] {
    let (frame, place) = query.quotientAndRemainder(dividingBy: frameTokens)
    guard frame < frames else { return [] }
    return (0..<frames).compactMap { other in
      places(from: frame, to: other, place: place).map {
        other * frameTokens + $0.lowerBound..<other * frameTokens + $0.upperBound
      }
    }
  }

  /// The places of frame `other` that a place of `frame` sees; the relation is symmetric but for
  /// frame 0.
  private func places(from frame: Int, to other: Int, place: Int) -> Range<Int>? {
    guard other > 0 else { return 0..<frameTokens }
    guard let reach = reach(distance: abs(frame - other)) else { return nil }
    return max(place - reach, 0)..<min(place + reach + 1, frameTokens)
  }

  /// For every block of queries, the blocks of keys of the block mask, ascending.
  func blockRows() -> [[Int]] {
    let count = (frames * frameTokens + blockSize - 1) / blockSize
    var isSeen = [Bool](repeating: false, count: count)
    return (0..<count).map { row in
      // A block may hold the end of one frame and the start of the next, also as keys.
      for frame in frames(of: row) {
        for other in 0..<frames {
          for column in blocks(of: other, near: row, frame: frame)
          where !isSeen[column] && isDense(frame, other, row: row, column: column) {
            isSeen[column] = true
          }
        }
      }
      let columns = isSeen.indices.filter { isSeen[$0] }
      for column in columns { isSeen[column] = false }
      return columns
    }
  }

  private func frames(of row: Int) -> ClosedRange<Int> {
    row * blockSize / frameTokens...min(((row + 1) * blockSize - 1) / frameTokens, frames - 1)
  }

  /// The blocks of frame `other` that hold a key which a query of the block may see.
  private func blocks(of other: Int, near row: Int, frame: Int) -> Range<Int> {
    var keys = 0..<frameTokens
    if other > 0 {
      guard let reach = reach(distance: abs(frame - other)) else { return 0..<0 }
      let queries = places(of: frame, block: row)
      keys = (queries.lowerBound - reach..<queries.upperBound + reach).clamped(to: keys)
    }
    let first = other * frameTokens
    return (first + keys.lowerBound) / blockSize..<(first + keys.upperBound - 1) / blockSize + 1
  }

  /// Whether most columns of a block that the pair of frames touches are well filled.
  private func isDense(_ frame: Int, _ other: Int, row: Int, column: Int) -> Bool {
    let queries = places(of: frame, block: row)
    let keys = places(of: other, block: column)
    let far = max(
      queries.upperBound - 1 - keys.lowerBound, keys.upperBound - 1 - queries.lowerBound)
    if other == 0 || far <= reach(distance: abs(frame - other)) ?? -1 {
      // All see all.
      return !keys.isEmpty && 3 * queries.count > blockSize
    }
    var (touched, filled) = (0, 0)
    for key in keys {
      // The band is symmetric: who sees the key are those whom the key would see.
      let seeing =
        reach(distance: abs(frame - other)).map {
          queries.clamped(to: key - $0..<key + $0 + 1).count
        } ?? 0
      touched += seeing > 0 ? 1 : 0
      filled += 3 * seeing > blockSize ? 1 : 0
    }
    return Double(filled) > 0.6 * Double(touched)
  }

  /// The places of a frame that lie in a block of the sequence.
  private func places(of frame: Int, block: Int) -> Range<Int> {
    let first = frame * frameTokens
    return (block * blockSize - first..<(block + 1) * blockSize - first)
      .clamped(to: 0..<frameTokens)
  }
}
