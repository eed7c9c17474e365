// SPDX-License-Identifier: MIT

/// Whole numbers that order scores by (score descending, index ascending), and cuts through them.
///
/// Keys are distinct, so a cut is one key: what is not above it is kept. Weights of scores in 0...1
/// are added as multiples of 2^-32, so that sums do not depend on their order.
enum RankKeys {
  static func key(_ score: Float, index: Int) -> UInt64 {
    // Adding 0 turns -0 into 0: equal scores must have equal bits.
    let bits = (score + 0).bitPattern
    let ascending = bits ^ (bits >> 31 == 1 ? 0xFFFF_FFFF : 0x8000_0000)
    return UInt64(~ascending) << 32 | UInt64(truncatingIfNeeded: index)
  }

  /// The score of a key.
  static func score(_ key: UInt64) -> Float {
    let ascending = ~UInt32(key >> 32)
    return Float(bitPattern: ascending ^ (ascending >> 31 == 1 ? 0x8000_0000 : 0xFFFF_FFFF))
  }

  /// A score of 0...1 as a multiple of 2^-32.
  static func weight(_ score: Float) -> UInt64 {
    score > 0 ? UInt64(min(score, 1) * 0x1p32) : 0
  }

  /// The last key of the `count` best; reorders `keys`.
  ///
  /// - Requires: `count` in 1...keys.count.
  static func cut(top count: Int, _ keys: UnsafeMutableBufferPointer<UInt64>) -> UInt64 {
    var (low, high) = (0, keys.count)
    while high - low > 16 {
      let middle = partition(keys, low, high)
      if count - 1 < middle {
        high = middle
      } else if count - 1 > middle {
        low = middle + 1
      } else {
        return keys[middle]
      }
    }
    sort(keys, low, high)
    return keys[count - 1]
  }

  /// The last key of the prefix that `need` ends, at least the first; reorders `keys`.
  ///
  /// The prefix is the shortest with a weight of at least `need`, or with `staysWithin` the longest
  /// with a weight of at most `need`.
  static func cut(
    weight need: UInt64, staysWithin: Bool, _ keys: UnsafeMutableBufferPointer<UInt64>
  ) -> UInt64 {
    var (low, high) = (0, keys.count)
    var before: UInt64 = 0
    let ends = { (sum: UInt64) in staysWithin ? sum > need : sum >= need }
    while high - low > 16 {
      let middle = partition(keys, low, high)
      var sum = before
      for index in low..<middle { sum += weight(score(keys[index])) }
      if ends(sum) {
        high = middle
      } else {
        before = sum + weight(score(keys[middle]))
        low = middle + 1
        // The cut lies at or before here; a last look decides.
        if ends(before) { return end(keys, at: middle, staysWithin) }
      }
    }
    sort(keys, low, high)
    for index in low..<high {
      before += weight(score(keys[index]))
      if ends(before) { return end(keys, at: index, staysWithin) }
    }
    return high == keys.count ? .max : end(keys, at: high, staysWithin)
  }

  /// The last kept key where the weights reach the need at `index`; everything before it is smaller.
  private static func end(
    _ keys: UnsafeMutableBufferPointer<UInt64>, at index: Int, _ staysWithin: Bool
  ) -> UInt64 {
    guard staysWithin else { return keys[index] }
    guard index > 0 else { return keys[0] }
    return keys[index] - 1
  }

  /// Moves smaller keys before and larger ones after one of them; returns its place.
  private static func partition(
    _ keys: UnsafeMutableBufferPointer<UInt64>, _ low: Int, _ high: Int
  ) -> Int {
    let middle = low + (high - low) / 2
    if keys[middle] < keys[low] { keys.swapAt(middle, low) }
    if keys[high - 1] < keys[low] { keys.swapAt(high - 1, low) }
    if keys[high - 1] < keys[middle] { keys.swapAt(high - 1, middle) }
    let pivot = keys[middle]
    keys.swapAt(middle, high - 1)
    var store = low
    for index in low..<high - 1 where keys[index] < pivot {
      keys.swapAt(index, store)
      store += 1
    }
    keys.swapAt(store, high - 1)
    return store
  }

  /// Sorts ascending: scores descending, indices ascending where they are equal.
  static func sort(_ keys: UnsafeMutableBufferPointer<UInt64>) {
    sort(keys, 0, keys.count)
  }

  private static func sort(
    _ keys: UnsafeMutableBufferPointer<UInt64>, _ low: Int, _ high: Int
  ) {
    guard high - low > 1 else { return }
    guard high - low <= 16 else {
      let middle = partition(keys, low, high)
      sort(keys, low, middle)
      return sort(keys, middle + 1, high)
    }
    for index in low + 1..<high {
      let key = keys[index]
      var position = index
      while position > low, keys[position - 1] > key {
        keys[position] = keys[position - 1]
        position -= 1
      }
      keys[position] = key
    }
  }
}
