// SPDX-License-Identifier: MIT

/// Walks over text in a buffer.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  var position = 0

  mutating func skip(_ prefix: StaticString) -> Bool {
    let length = prefix.utf8CodeUnitCount
    guard position + length <= bytes.count else { return false }
    for offset in 0..<length where bytes[position + offset] != prefix.utf8Start[offset] {
      return false
    }
    position += length
    return true
  }

  mutating func number() -> UInt64? {
    let start = position
    var value: UInt64 = 0
    while position < bytes.count, case let digit = bytes[position] &- 48, digit < 10 {
      value = value &* 10 &+ UInt64(digit)
      position += 1
    }
    return position > start ? value : nil
  }

  mutating func skipSpaces() {
    while position < bytes.count, bytes[position] == 32 { position += 1 }
  }

  mutating func skipLine() {
    while position < bytes.count, bytes[position] != 10 { position += 1 }
    position += 1
  }
}
