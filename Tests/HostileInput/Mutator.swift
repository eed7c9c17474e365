// SPDX-License-Identifier: MIT

import AttentionCore

/// Changes inputs: bits and ranges of bytes, and whole words of a text.
struct Mutator {
  let corpus: [[UInt8]]
  let vocabulary: [String]

  /// Makes one change of `bytes`.
  func change(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    guard !bytes.isEmpty else {
      bytes = Array(HostileWords.value(&random).utf8)
      return
    }
    if random.integer(below: 2) == 0 {
      changeBytes(&bytes, &random)
    } else {
      changeWord(&bytes, &random)
    }
  }

  private func changeBytes(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    let place = random.integer(below: bytes.count)
    let end = min(place + 1 + random.integer(below: 16), bytes.count)
    switch random.integer(below: 10) {
    case 0: bytes[place] ^= 1 << UInt8(random.integer(below: 8))
    case 1: bytes[place] = UInt8(random.integer(below: 256))
    case 2: bytes.removeSubrange(place..<end)
    case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
    case 4: bytes.removeLast(end - place)
    case 5: for index in place..<end { bytes[index] = 0xFF }
    case 6: for index in place..<end { bytes[index] = 0 }
    case 7: writeInteger(&bytes, at: place, &random)
    case 8: splice(&bytes, at: place, &random)
    default: repeatRange(&bytes, place..<end, &random)
    }
  }

  /// A size field's edge value, in 1, 2, 4 or 8 bytes.
  private func writeInteger(_ bytes: inout [UInt8], at place: Int, _ random: inout SplitMix64) {
    let edges: [UInt64] = [
      0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 40,
      UInt64(Int64.max), 1 << 63, .max, .max - 7,
    ]
    let value = edges[random.integer(below: edges.count)]
    for index in 0..<(1 << random.integer(below: 4)) where place + index < bytes.count {
      bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
    }
  }

  /// The start of this input and the end of another.
  private func splice(_ bytes: inout [UInt8], at place: Int, _ random: inout SplitMix64) {
    let other = corpus[random.integer(below: corpus.count)]
    guard !other.isEmpty else { return }
    bytes = Array(bytes[..<place]) + other[random.integer(below: other.count)...]
  }

  private func repeatRange(
    _ bytes: inout [UInt8], _ range: Range<Int>, _ random: inout SplitMix64
  ) {
    let part = Array(bytes[range])
    let count = 1 << random.integer(below: 9)
    bytes.insert(contentsOf: (0..<count).flatMap { _ in part }, at: range.lowerBound)
  }

  /// Replaces a word, or puts one beside it.
  private func changeWord(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    let start = random.integer(below: bytes.count)
    let first = bytes[start...].firstIndex(where: Self.isWord) ?? start
    let last = bytes[first...].firstIndex { !Self.isWord($0) } ?? bytes.count
    let word: String
    if !vocabulary.isEmpty, random.integer(below: 2) == 0 {
      word = vocabulary[random.integer(below: vocabulary.count)]
    } else {
      word = HostileWords.value(&random)
    }
    switch random.integer(below: 4) {
    case 0: bytes.insert(contentsOf: word.utf8, at: first)
    case 1: bytes.insert(contentsOf: HostileWords.syntax(&random).utf8, at: last)
    default: bytes.replaceSubrange(first..<last, with: word.utf8)
    }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "-"),
      UInt8(ascii: "_"):
      true
    default: byte >= 0x80
    }
  }
}
