// SPDX-License-Identifier: MIT

/// One array of a `.safetensors` header.
struct SafetensorsEntry {
  let name: String
  let typeName: String
  let extents: [Int]
  /// Range in the data that follow the header.
  let begin: Int
  let end: Int
  /// Offset of the entry in the file, for errors.
  let place: Int
}

/// The part of JSON that a `.safetensors` header uses: objects, texts and lists of integers.
extension HeaderCursor {
  private static let keys = ["dtype", "shape", "data_offsets"]
  /// The byte that each one-letter escape stands for.
  private static let escapes: [UInt8: UInt8] = [
    0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9,
  ]

  mutating func safetensorsEntries() throws(TensorFileError) -> [SafetensorsEntry] {
    var entries: [SafetensorsEntry] = []
    try object { cursor, name, place throws(TensorFileError) in
      if name == "__metadata__" {
        try cursor.object { cursor, _, _ throws(TensorFileError) in _ = try cursor.jsonString() }
      } else {
        entries.append(try cursor.safetensorsEntry(name, place))
      }
    }
    skipBlanks()
    guard next == nil else { throw unexpected("the end of the header") }
    return entries
  }

  private mutating func safetensorsEntry(
    _ name: String, _ place: Int
  ) throws(TensorFileError) -> SafetensorsEntry {
    var typeName: String?
    var shape: [String]?
    var offsets: [Int]?
    try object { cursor, key, place throws(TensorFileError) in
      switch key {
      case "dtype": typeName = try cursor.jsonString()
      case "shape": shape = try cursor.integers()
      case "data_offsets":
        let texts = try cursor.integers()
        offsets = texts.compactMap { Int($0) }.filter { $0 >= 0 }
        guard offsets?.count == 2, texts.count == 2 else {
          throw cursor.failure(
            .expected("two byte offsets", found: "[\(texts.joined(separator: ", "))]"), at: place)
        }
      default: throw cursor.failure(.unknownKey(key, known: Self.keys), at: place)
      }
    }
    guard let typeName else { throw failure(.missingKey("dtype"), at: place) }
    guard let shape else { throw failure(.missingKey("shape"), at: place) }
    guard let offsets else { throw failure(.missingKey("data_offsets"), at: place) }
    return SafetensorsEntry(
      name: name, typeName: typeName, extents: try parsedExtents(shape, file: "\(file):\(name)"),
      begin: offsets[0], end: offsets[1], place: base + place)
  }

  /// Reads an object, calling `member` after each key's colon; a key may occur once.
  private mutating func object(
    _ member: (inout HeaderCursor, String, Int) throws(TensorFileError) -> Void
  ) throws(TensorFileError) {
    try require("{")
    if take("}") { return }
    var seen: Set<String> = []
    repeat {
      skipBlanks()
      let place = position
      let key = try jsonString()
      guard seen.insert(key).inserted else { throw failure(.duplicateKey(key), at: place) }
      try require(":")
      try member(&self, key, place)
    } while take(",")
    try require("}")
  }

  private mutating func integers() throws(TensorFileError) -> [String] {
    try require("[")
    if take("]") { return [] }
    var texts: [String] = []
    repeat {
      texts.append(try integerText())
    } while take(",")
    try require("]")
    return texts
  }

  private mutating func jsonString() throws(TensorFileError) -> String {
    try require("\"")
    let start = position
    var text: [UInt8] = []
    while let byte = next, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw unexpected("text without control characters") }
      position += 1
      if byte == UInt8(ascii: "\\") {
        text += try jsonEscape()
      } else {
        text.append(byte)
      }
    }
    guard next != nil else { throw unexpected("a closing quote") }
    position += 1
    guard let valid = String(validating: text, as: UTF8.self) else {
      throw failure(.expected("UTF-8 text", found: "other bytes"), at: start)
    }
    return valid
  }

  /// The UTF-8 bytes that the escape after a backslash stands for.
  private mutating func jsonEscape() throws(TensorFileError) -> [UInt8] {
    guard let byte = next else { throw unexpected("an escape") }
    if let plain = Self.escapes[byte] {
      position += 1
      return [plain]
    }
    guard byte == UInt8(ascii: "u") else { throw unexpected("an escape") }
    var units = [try codeUnit()]
    if UTF16.isLeadSurrogate(units[0]), next == UInt8(ascii: "\\") {
      position += 1
      units.append(try codeUnit())
    }
    guard let text = String(validating: units, as: UTF16.self) else {
      throw unexpected("a pair of surrogates before this")
    }
    return Array(text.utf8)
  }

  /// Four hexadecimal digits after `u`.
  private mutating func codeUnit() throws(TensorFileError) -> UInt16 {
    guard next == UInt8(ascii: "u"), position + 5 <= bytes.count else {
      throw unexpected("'u' and four hexadecimal digits")
    }
    let digits = bytes[position + 1..<position + 5]
    let isHex = digits.allSatisfy { Character(UnicodeScalar($0)).isHexDigit && $0 < 0x80 }
    guard isHex, let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16) else {
      throw unexpected("'u' and four hexadecimal digits")
    }
    position += 5
    return unit
  }
}
